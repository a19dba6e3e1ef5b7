import { fileURLToPath } from 'node:url';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { expect, it } from 'vitest';
import { assertModelFits, countWeightBytes, estimateModelMemory } from './model-size.ts';

const FILE = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const FOLDER = pathOfPictureModel('tiny-shapes-flow-dit');

it('a first look refuses a file or a folder that does not fit into memory', () => {
  for (const path of [FILE, FOLDER]) {
    expect(() => assertModelFits(path, { availableMemory: 1_000_000 })).toThrow(
      expect.objectContaining({ code: 'not-enough-memory' }),
    );
    expect(() => assertModelFits(path, { availableMemory: 2 ** 30 })).not.toThrow();
  }
});

it('weights of a file are mapped, those of a folder are not', () => {
  const shape = { contextSize: 64, sequences: 1, kvType: 'f16' } as const;
  const [file, folder] = [estimateModelMemory(FILE, shape), estimateModelMemory(FOLDER, shape)];
  expect(file.weights).toBe(countWeightBytes(FILE));
  expect([folder.weights, countWeightBytes(FOLDER)]).toEqual([0, 4_098_374]);
  expect(folder.total).toBeGreaterThan(countWeightBytes(FOLDER));
});
