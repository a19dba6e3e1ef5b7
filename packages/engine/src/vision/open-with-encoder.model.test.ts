import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspectEncoderFolder } from '@ogong/models/encoder-folder';
import { hashModelFolder } from '@ogong/models/model-folder';
import { hashModelFile } from '@ogong/models/model-root';
import { computeComposedRoot } from '@ogong/protocol/commitment/composed-root';
import { writeRandomProjector } from '@ogong/testing/models/random-projector';
import { readVisionExamples, TINY_VISION_MODEL, type VisionExample } from '@ogong/testing/models/vision-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { nativeHash } from '../decode/native-hash.ts';
import type { TextEngine } from '../interface/text.ts';
import { findOnnxRuntime } from '../onnx/runtime/packages.ts';
import { type OpenEngineSettings, openEngine } from '../open-engine.ts';
import { resolveModel } from '../resolve-model.ts';

const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const modelPath = join(TINY_VISION_MODEL, 'model-q8_0.gguf');
const encoderPath = TINY_VISION_MODEL;
const hasRuntimes = (['cpu', 'wasm'] as const).every((each) =>
  findOnnxRuntime(each, join(homedir(), '.ogong', 'engine')),
);

const directory = createTestDirectory('with-projector');
afterAll(() => directory.remove());

const opened: TextEngine[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((engine) => engine.close()));
});
async function open(settings: Partial<OpenEngineSettings> = {}): Promise<TextEngine> {
  const engine = await openEngine({ modelPath, encoderPath, threads: 1, sequences: 1, contextSize: 128, ...settings });
  if (engine.specificationVersion !== 'text-v1') throw new Error('another engine');
  opened.push(engine);
  return engine;
}

describe.skipIf(!hasRuntimes)('a language model with an encoder of pictures', () => {
  it('has a root composed of both, and encodes pictures', async () => {
    const engine = await open();
    const base = (await hashModelFile(modelPath)).modelRoot;
    const { modelRoot: encoderRoot } = await hashModelFolder(inspectEncoderFolder(encoderPath));
    const modelRoot = computeComposedRoot(nativeHash, base, [encoderRoot]);
    const facts = {
      modelRoot: Uint8Array.from(modelRoot),
      modelParts: [base, encoderRoot],
      embeddingSize: 64,
      pictureToken: 511,
    };
    expect(engine.info()).toMatchObject(facts);
    const [example] = readVisionExamples();
    const { file } = example as { file: Uint8Array };
    const { pieces, rows } = await engine.encodePicture(file);
    expect([pieces, rows.length]).toEqual([[16], 16 * 64]);
    const again = await open({ modelPath: encoderPath, modelRoot, encoderBackend: 'wasm' });
    expect((await again.encodePicture(file)).rows).not.toEqual(rows);
    await expect(engine.encodePicture(file.subarray(0, 20))).rejects.toMatchObject({ code: 'invalid-request' });
  });

  it('closes its encoder with itself', async () => {
    const engine = await open();
    await engine.close();
    const [{ file }] = readVisionExamples() as [VisionExample];
    await expect(engine.encodePicture(file)).rejects.toMatchObject({ code: 'engine-closed' });
  });

  it('is another model without it', async () => {
    const alone = await openEngine({ modelPath, threads: 1, sequences: 1, contextSize: 128 });
    const engine = alone as TextEngine;
    opened.push(engine);
    const { pictureToken, modelParts } = engine.info();
    expect([pictureToken, modelParts]).toEqual([undefined, undefined]);
    await expect(engine.encodePicture(new Uint8Array(9))).rejects.toMatchObject({ code: 'unsupported-model' });
    await expect(open({ modelRoot: engine.info().modelRoot })).rejects.toMatchObject({ code: 'model-corrupt' });
  });

  it.each<[string, Partial<OpenEngineSettings>, string, string]>([
    ['for another model', { modelPath: STORIES }, 'unsupported-model', 'does not belong to'],
    ['without its files', { encoderPath: join(encoderPath, 'onnx') }, 'model-not-found', 'has no config.json'],
    ['in too little memory', { availableMemory: 1 << 20 }, 'not-enough-memory', 'the model needs about'],
    ['in too little memory for both', { availableMemory: 259 << 20 }, 'not-enough-memory', 'model-q8_0.gguf'],
  ])('is refused %s', async (_what, settings, code, message) => {
    await expect(open(settings)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe.skipIf(!hasRuntimes)('a language model with a projector in a GGUF file', () => {
  /** Writes a projector whose rows have so many values. */
  const resolve = (name: string, rowSize: number) => {
    const path = join(directory.path, name);
    writeRandomProjector(path, 'llava', {
      type: 'f16',
      change: (_metadata, tensors) => {
        const values = (...shape: readonly number[]) => ({
          shape,
          data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index)),
        });
        tensors.set('mm.2.weight', values(rowSize, 12));
        tensors.set('mm.2.bias', values(rowSize));
      },
    });
    return resolveModel(`${modelPath}+file:${path}`, { storeDir: directory.path });
  };

  it('encodes pictures, and its root covers both', async () => {
    const model = await resolve('mmproj.gguf', 64);
    const engine = await open({ encoderPath: model.encoderPath as string, modelRoot: model.modelRoot });
    expect(engine.info()).toMatchObject({ embeddingSize: 64, pictureToken: 511 });
    const [{ file }] = readVisionExamples() as [VisionExample];
    const { pieces, rows } = await engine.encodePicture(file);
    expect([pieces, rows.length]).toEqual([[16], 16 * 64]);
  });

  it('is refused if rows have another size than its embeddings', async () => {
    const model = await resolve('mmproj-24.gguf', 24);
    await expect(open({ encoderPath: model.encoderPath as string })).rejects.toMatchObject({
      ...{ code: 'unsupported-model', message: expect.stringContaining('does not belong to') },
    });
  });
});
