import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { hashOnnxModel, inspectOnnxModel, isOnnxModel } from './onnx-model.ts';
import { bringModel } from './resolve.ts';
import { hashModelTokenizer } from './tokenizer-hash.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-onnx-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(directory, 'model-'));
});

const write = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

describe('an ONNX file as a model', () => {
  const weights = [{ type: 1, values: 2, file: 'w.data' }];
  const model = encodeOnnx({ operators: ['MatMul'], weights });

  it('has the root of its files in the order of their names, under any name', async () => {
    const path = write('net.onnx', model);
    expect(() => inspectOnnxModel(path)).toThrow(/has no w\.data/);
    const data = new Uint8Array(8).fill(5);
    write('w.data', data);
    const found = inspectOnnxModel(path);
    expect(found).toMatchObject({ file: 'net.onnx', files: ['net.onnx', 'w.data'], sizeBytes: model.length + 8 });
    const root = sha256(sha256(model), sha256(data));
    expect(Buffer.from((await hashOnnxModel(found)).modelRoot).equals(root)).toBe(true);
    const seen: string[] = [];
    const options = { storeDir: directory, inspect: (each: string) => void seen.push(each) };
    for (const reference of [path, folder]) {
      const brought = await bringModel(reference, options);
      expect(Buffer.from(brought.modelRoot).equals(root)).toBe(true);
    }
    expect(seen).toEqual([path, folder]);
    // A model of tensors has no tokenizer.
    expect(hashModelTokenizer(path)).toHaveLength(32);
  });

  it('is a file with that ending, or the only one of its folder, and no link', () => {
    expect([isOnnxModel(folder), isOnnxModel(join(folder, 'none.onnx'))]).toEqual([false, false]);
    const path = write('a.onnx', encodeOnnx({ operators: ['Add'] }));
    expect([isOnnxModel(folder), isOnnxModel(path), isOnnxModel(write('b.txt', model))]).toEqual([true, true, false]);
    const other = join(folder, 'linked');
    mkdirSync(other);
    symlinkSync(path, join(other, 'l.onnx'));
    expect(() => inspectOnnxModel(other)).toThrow(/is a link/);
    write('c.onnx', model);
    expect(isOnnxModel(folder)).toBe(false);
  });
});
