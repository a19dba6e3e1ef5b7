import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { inspectEncoderFolder } from '@ogong/models/encoder-folder';
import { hashModelFolder } from '@ogong/models/model-folder';
import { roundWeightsToHalf } from '@ogong/testing/models/half-weights';
import { RANDOM_ENCODERS, RANDOM_ROW_SIZE, writeRandomEncoder } from '@ogong/testing/models/random-encoder';
import { copyVisionModel, readVisionExamples, TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { RgbPicture } from '../interface/vision.ts';
import type { OnnxBackend } from '../onnx/numeric-class.ts';
import { findOnnxRuntime } from '../onnx/runtime/packages.ts';
import { decodePicture } from '../pixels/decode-picture.ts';
import { openPictureEncoder, type PictureEncoderOptions, type SupervisedEncoder } from './picture-encoder.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const directory = createTestDirectory('vision');
afterAll(() => directory.remove());

/** Explains why a back end is not tested here; undefined if it is. */
function explainAbsence(backend: OnnxBackend): string | undefined {
  if (findOnnxRuntime(backend, engineDir) === undefined)
    return `no ONNX Runtime (${backend}) in ${engineDir}; node scripts/run.mjs scripts/bring-onnx.ts brings it`;
  const platform = `${process.platform}-${process.arch}`;
  return backend === 'cpu' && platform !== 'linux-x64' ? `the native class is unproven on ${platform}` : undefined;
}
const describeBackend = (backends: readonly OnnxBackend[], name: string, tests: () => void): void => {
  const absence = backends.map(explainAbsence).find((each) => each !== undefined);
  describe.skipIf(absence !== undefined)(absence === undefined ? name : `${name} (skipped: ${absence})`, tests);
};

const opened: SupervisedEncoder[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((encoder) => encoder.close()));
});
async function open(path = TINY_VISION_MODEL, options: PictureEncoderOptions = {}): Promise<SupervisedEncoder> {
  const encoder = await openPictureEncoder(path, { engineDir, ...options });
  opened.push(encoder);
  return encoder;
}

/** Relative L2 distance. */
function distanceOf(values: Float32Array, reference: Float32Array): number {
  let [difference, length] = [0, 0];
  for (const [i, value] of reference.entries()) {
    difference += ((values[i] as number) - value) ** 2;
    length += value ** 2;
  }
  return Math.sqrt(difference / length);
}

const examples = readVisionExamples();
const decodeExamples = () => Promise.all(examples.map(({ file }) => decodePicture(file)));
const encodeAll = async (
  encoder: SupervisedEncoder,
  pictures: readonly RgbPicture[],
): Promise<readonly Float32Array[]> => {
  const encoded = [];
  for (const picture of pictures) encoded.push((await encoder.encode(picture)).rows);
  return encoded;
};
/** The most distance at which rows of two honest classes count as equal (docs/adr/pictures.md). */
const HONEST = 1e-5;

for (const backend of ['cpu', 'wasm'] as const) {
  describeBackend([backend], `an encoder of pictures, ${backend}:`, () => {
    it('computes the same bits in two processes', async () => {
      const [first, second] = [await open(undefined, { backend }), await open(undefined, { backend })];
      expect(first.info()).toEqual(second.info());
      expect(first.info()).toMatchObject({ exact: true, rowSize: 64, mark: '<image>', mostRows: 16 });
      const pictures = await decodeExamples();
      expect(await encodeAll(first, pictures)).toEqual(
        await encodeAll(second, [...pictures].reverse()).then((rows) => [...rows].reverse()),
      );
      const { pieces, rows } = await first.encode(pictures[0] as RgbPicture);
      expect([pieces, rows.length]).toEqual([[16], 1_024]);
    });

    it.each(RANDOM_ENCODERS)('runs an encoder in the form of %s', async (kind) => {
      const path = writeRandomEncoder(kind, directory.path);
      const encoder = await open(path, { backend });
      const { rowSize, mostRows } = encoder.info();
      expect(rowSize).toBe(RANDOM_ROW_SIZE);
      for (const [width, height] of [
        [40, 30],
        [7, 23],
        [300, 80],
      ] as const) {
        const picture = { width, height, rgb: new Uint8Array(width * height * 3).map((_, i) => (i * 7) % 256) };
        const { pieces, rows, grids } = await encoder.encode(picture);
        const count = pieces.reduce<number>((sum, piece) => sum + (typeof piece === 'number' ? piece : 0), 0);
        expect(rows).toHaveLength(count * rowSize);
        expect(encoder.measure({ width, height })).toEqual(pieces);
        expect(rows.every(Number.isFinite)).toBe(true);
        expect(count).toBeLessThanOrEqual(mostRows);
        if (kind === 'qwen2_vl') expect(grids?.map(([high, wide]) => high * wide)).toEqual([count]);
        expect(await encoder.encode(picture)).toEqual({ pieces, rows, ...(grids && { grids }) });
      }
    });
  });
}

describeBackend(['cpu', 'wasm'], 'the rows of a picture', () => {
  it('differ little between the classes, and more with weights in f16', async () => {
    const pictures = await decodeExamples();
    const native = await encodeAll(await open(), pictures);
    const portable = await encodeAll(await open(undefined, { backend: 'wasm' }), pictures);
    const path = copyVisionModel(directory.path);
    const network = join(path, 'onnx/vision_encoder.onnx');
    writeFileSync(network, roundWeightsToHalf(readFileSync(network)));
    const cheat = await open(path);
    expect(cheat.info().root).not.toEqual((await open()).info().root);
    const rounded = await encodeAll(cheat, pictures);
    for (const [i, rows] of native.entries()) {
      expect(rows).not.toEqual(portable[i]);
      expect(distanceOf(rows, portable[i] as Float32Array)).toBeLessThan(HONEST);
      expect(distanceOf(rounded[i] as Float32Array, rows)).toBeGreaterThan(5 * HONEST);
    }
  });

  it.each(RANDOM_ENCODERS)('differ little between the classes in the form of %s', async (kind) => {
    const path = writeRandomEncoder(kind, directory.path, 2);
    const picture = { width: 61, height: 45, rgb: new Uint8Array(61 * 45 * 3).map((_, i) => (i * 11) % 256) };
    const [native, portable] = [await open(path), await open(path, { backend: 'wasm' })];
    const [first, second] = [await native.encode(picture), await portable.encode(picture)];
    expect(distanceOf(first.rows, second.rows)).toBeLessThan(HONEST);
    expect(first.pieces).toEqual(second.pieces);
  });
});

describeBackend(['cpu'], 'an encoder of pictures', () => {
  const white: RgbPicture = { width: 32, height: 32, rgb: new Uint8Array(3_072).fill(255) };

  it('has the root of its folder', async () => {
    const { modelRoot } = await hashModelFolder(inspectEncoderFolder(TINY_VISION_MODEL));
    expect((await open(undefined, { modelRoot })).info().root).toEqual(modelRoot);
    const other = new Uint8Array(32);
    await expect(open(undefined, { modelRoot: other })).rejects.toMatchObject({ code: 'model-corrupt' });
  });

  it.each<[string, RgbPicture]>([
    ['too few bytes', { ...white, rgb: new Uint8Array(3_071) }],
    ['no pixels', { width: 0, height: 32, rgb: new Uint8Array(0) }],
    ['a half pixel', { ...white, width: 32.5 }],
  ])('refuses a picture of %s', async (_what, picture) => {
    await expect((await open()).encode(picture)).rejects.toMatchObject({ code: 'invalid-request' });
  });

  it('can be cancelled, refuses a full queue, and is gone when closed', async () => {
    const encoder = await open(undefined, { maxQueue: 1 });
    await expect(encoder.encode(white, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => encoder.encode(white)));
    const codes = all.map((result) => (result.status === 'fulfilled' ? 'done' : (result.reason.code as string)));
    expect(new Set(codes)).toEqual(new Set(['done', 'overloaded']));
    await encoder.close();
    await expect(encoder.encode(white)).rejects.toMatchObject({ code: 'engine-closed' });
  });

  it('is restarted after its process died', async () => {
    const encoder = await open();
    const expected = await encoder.encode(white);
    const running = encoder.encode(white);
    process.kill(encoder.pid() as number, 'SIGKILL');
    await running.catch((error) => expect(error).toMatchObject({ code: 'engine-crashed', retryable: true }));
    expect(await encoder.encode(white)).toEqual(expected);
  });

  it.each<[string, (path: string) => void, string]>([
    [
      'whose network has other inputs',
      (path) =>
        writeFileSync(
          join(path, 'onnx/vision_encoder.onnx'),
          readFileSync(join(writeRandomEncoder('qwen2_vl', directory.path, 3), 'onnx/vision_encoder.onnx')),
        ),
      'needs "image_grid_thw", which is not supported',
    ],
    [
      'whose rows are of another number',
      (path) => {
        const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
        writeFileSync(join(path, 'config.json'), JSON.stringify({ ...config, image_rows: 15 }));
      },
      'returns rows of 68.26666666666667 values',
    ],
  ])('refuses a folder %s', async (_what, change, message) => {
    const path = copyVisionModel(join(directory.path, 'refused'));
    change(path);
    await expect(openPictureEncoder(path, { engineDir })).rejects.toMatchObject({
      ...{ code: 'unsupported-model', message: expect.stringContaining(message) },
    });
  });
});
