import { homedir } from 'node:os';
import { join } from 'node:path';
import { inspectEncoderFolder } from '@ogong/models/encoder-folder';
import { createFileHashes } from '@ogong/models/file-hashes';
import { bringProjectorFolder } from '@ogong/models/projector/projector-folder';
import { computeProjectorRows } from '@ogong/testing/models/projector-reference';
import {
  PROJECTOR_SIZES,
  RANDOM_PROJECTORS,
  type RandomProjector,
  writeRandomProjector,
} from '@ogong/testing/models/random-projector';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { RgbPicture } from '../interface/vision.ts';
import { findOnnxRuntime } from '../onnx/runtime/packages.ts';
import { type EncoderRun, PIXELS } from './families/family.ts';
import { openPictureReader } from './families/registry.ts';
import { openPictureEncoder, type SupervisedEncoder } from './picture-encoder.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const directory = createTestDirectory('projector');
const hashes = createFileHashes(join(directory.path, 'hashes'));
afterAll(() => directory.remove());

const opened: SupervisedEncoder[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((encoder) => encoder.close()));
});

const PICTURE: RgbPicture = {
  ...{ width: 40, height: 24 },
  rgb: Uint8Array.from({ length: 40 * 24 * 3 }, (_, index) => (index * 37 + (index >> 5) * 11) % 256),
};

function computeReference(
  kind: RandomProjector,
  weights: ReturnType<typeof writeRandomProjector>,
  runs: Iterable<EncoderRun>,
): readonly number[] {
  return [...runs].flatMap(({ feeds }) => {
    const grid = Array.from((feeds.image_grid_thw?.data ?? []) as BigInt64Array, Number);
    return computeProjectorRows(kind, weights, { pixels: feeds[PIXELS]?.data as Float32Array, grid });
  });
}

/** Relative L2 distance. */
function distanceOf(values: Float32Array, reference: readonly number[]): number {
  const length = reference.reduce((sum, value) => sum + value ** 2, 0);
  const difference = reference.reduce((sum, value, index) => sum + ((values[index] as number) - value) ** 2, 0);
  return Math.sqrt(difference / length);
}

const COUNTS: Readonly<Record<RandomProjector, number>> = { llava: 16, idefics3: 5 * 4, qwen2_vl: 15 };
/** WebAssembly takes seconds to load, so it runs each kind and each type once. */
const CASES = {
  cpu: RANDOM_PROJECTORS.flatMap((kind) => (['f32', 'f16', 'bf16'] as const).map((type) => ({ kind, type }))),
  wasm: [
    { kind: 'llava', type: 'f32' },
    { kind: 'idefics3', type: 'bf16' },
    { kind: 'qwen2_vl', type: 'f16' },
  ],
} as const;

for (const backend of ['cpu', 'wasm'] as const) {
  const isMissing = findOnnxRuntime(backend, engineDir) === undefined;
  describe.skipIf(isMissing)(
    `a projector in a GGUF file, ${backend}${isMissing ? ' (skipped: no runtime)' : ''}`,
    () => {
      it.each(CASES[backend])('has the rows of transformers: $kind, $type', async ({ kind, type }) => {
        const path = join(directory.path, `mmproj-${kind}-${type}.gguf`);
        const weights = writeRandomProjector(path, kind, { type });
        const folder = await bringProjectorFolder(path, directory.path, hashes);
        const encoder = await openPictureEncoder(folder, { engineDir, backend });
        opened.push(encoder);
        expect(encoder.info().rowSize).toBe(PROJECTOR_SIZES.rowSize);
        const { rows } = await encoder.encode(PICTURE);
        const { runs } = openPictureReader(inspectEncoderFolder(folder)).prepare(PICTURE);
        const reference = computeReference(kind, weights, runs);
        expect(reference).toHaveLength(COUNTS[kind] * PROJECTOR_SIZES.rowSize);
        expect(rows).toHaveLength(reference.length);
        expect(distanceOf(rows, reference)).toBeLessThan(2e-6);
      });
    },
  );
}
