import { join } from 'node:path';
import { createFileHashes } from '@ogong/models/file-hashes';
import { bringProjectorFolder } from '@ogong/models/projector/projector-folder';
import { writeRandomProjector } from '@ogong/testing/models/random-projector';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, expect, it } from 'vitest';
import { assertFolderFits } from '../onnx/plan-folder.ts';
import { inspectEncoder } from './picture-encoder.ts';

const directory = createTestDirectory('encoder-memory');
afterAll(() => directory.remove());
const hashes = createFileHashes(join(directory.path, 'hashes'));

async function inspect(type: 'f32' | 'f16' | 'bf16') {
  const path = join(directory.path, `mmproj-${type}.gguf`);
  writeRandomProjector(path, 'idefics3', { type });
  return inspectEncoder(await bringProjectorFolder(path, directory.path, hashes));
}

const WORKING = 256 * 2 ** 20;

it('weights of 16 bits count as they are and as f32', async () => {
  const [wide, half, brain] = [await inspect('f32'), await inspect('f16'), await inspect('bf16')];
  expect([wide, half, brain].map(({ weightType }) => weightType)).toEqual(['f32', 'f16', 'bf16']);
  expect(wide.widenedBytes).toBe(0);
  expect(half.widenedBytes).toBeGreaterThan(half.sizeBytes / 2);
  expect(brain.widenedBytes).toBe(half.widenedBytes);

  const { sizeBytes, widenedBytes = 0 } = half;
  const given = sizeBytes + widenedBytes + WORKING;
  expect(() => assertFolderFits(half, 'cpu', given)).not.toThrow();
  expect(() => assertFolderFits(half, 'cpu', given - 1)).toThrow('the model needs about');
  expect(() => assertFolderFits({ sizeBytes: 2 ** 30, widenedBytes: 2 ** 31 + 1 }, 'wasm')).toThrow(
    'WebAssembly holds 3072 MiB',
  );
});
