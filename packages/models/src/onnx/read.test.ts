import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { encodeOnnx, type OnnxSketch } from '@ogong/testing/models/onnx-bytes';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxError, readOnnxFile } from './read.ts';

const directory = createTestDirectory('onnx');
afterAll(() => directory.remove());
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));

const write = (content: Uint8Array): string => {
  const path = join(createFolder(), 'model.onnx');
  writeFileSync(path, content);
  return path;
};
const read = (sketch: OnnxSketch) => readOnnxFile(write(encodeOnnx(sketch)));

describe('the reader of ONNX files', () => {
  it('reads operators, files of weights, and bytes of weights by type', () => {
    const facts = read({
      operators: ['MatMul', 'Add', 'MatMul', 'com.microsoft:MatMulNBits'],
      accuracyLevel: 4,
      weights: [
        { type: 1, values: 300 },
        { type: 22, values: 7, file: 'model.onnx_data' },
        { type: 10, values: 5, file: 'model.onnx_data' },
      ],
      depth: 3,
    });
    expect([...facts.operators]).toEqual([
      ['MatMul', 2],
      ['Add', 1],
      ['com.microsoft:MatMulNBits', 1],
      ['If', 3],
    ]);
    expect(facts.externalFiles).toEqual(['model.onnx_data']);
    expect([...facts.weightBytes]).toEqual([
      [1, 1200],
      [22, 4],
      [10, 10],
    ]);
    expect([...facts.accuracyLevels]).toEqual([4]);
  });

  it('reads a trained network without its weights', () => {
    const { operators, weightBytes } = readOnnxFile(
      join(pathOfPictureModel('tiny-shapes-ddim-unet'), 'unet/model.onnx'),
    );
    expect([operators.get('Conv'), weightBytes.get(1)]).toEqual([13, 3_060_516]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(), /0 graphs/],
    ['a file of another kind', Buffer.from('GGUF, which is another format'), /leaves its message|no end/],
    ['a file that was cut', encodeOnnx({ operators: ['MatMul', 'Add'] }).subarray(0, -3), /leaves its message/],
    ['graphs inside graphs without end', encodeOnnx({ depth: 25 }), /nested 25 deep/],
    ['a number without end', new Uint8Array(20).fill(0xff), /no end/],
  ])('refuses %s', (_what, content, message) => {
    expect(() => readOnnxFile(write(content))).toThrow(
      expect.objectContaining({ name: 'OnnxError', message: expect.stringMatching(message) }),
    );
  });

  it('ends with a fact or a typed error on every changed byte', () => {
    const random = createSeededRandom(5);
    const whole = encodeOnnx({ operators: ['Add', 'Mul'], weights: [{ type: 1, values: 4, file: 'a' }], depth: 1 });
    const path = write(whole);
    for (let i = 0; i < 300; i++) {
      const changed = Uint8Array.from(whole);
      changed[Math.floor(random() * whole.length)] = Math.floor(random() * 256);
      writeFileSync(path, changed);
      try {
        expect(readOnnxFile(path).operators.size).toBeLessThan(10);
      } catch (error) {
        expect(error).toBeInstanceOf(OnnxError);
      }
    }
  });
});
