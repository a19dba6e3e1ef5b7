import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { computePooledRoot } from '@ogong/protocol/modality/embedding/pooled-root';
import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { describeEmbeddingEngine } from '@ogong/testing/engine/embedding-compliance';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddingEngine } from '../interface/embedding.ts';
import { createLlamaEmbeddingEngine, type LlamaEmbeddingOptions } from './embedding-engine.ts';
import { llamaQuantizer } from './llama-quantizer.ts';
import { POOLING_CODES } from './pooled-context.ts';

const DONOR = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const SHAPE = { embedding: 128, layers: 3, heads: 4, kvHeads: 2, feedForward: 256, context: 512 };
const words = (count: number): string => Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 'a' : 'b')).join(' ');

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-embedding-'));
  path = join(folder, 'mean.gguf');
  writeRandomModel(path, { vocabularyFrom: DONOR, shape: { ...SHAPE, poolingCode: POOLING_CODES.mean } });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const opened: EmbeddingEngine[] = [];
afterAll(() => Promise.all(opened.map((engine) => engine.close())));
const open = async (options: Partial<LlamaEmbeddingOptions> = {}): Promise<EmbeddingEngine> => {
  const engine = await createLlamaEmbeddingEngine({ modelPath: path, ...options });
  opened.push(engine);
  return engine;
};
const vectorsOf = async (engine: EmbeddingEngine, ...inputs: string[]): Promise<string[]> =>
  (await engine.embed({ inputs })).inputs.map(({ vector }) => Buffer.from(encodeVector(vector)).toString('hex'));

describeEmbeddingEngine({
  name: 'llama.cpp on a random model, mean pooling',
  open: (options) => createLlamaEmbeddingEngine({ modelPath: path, ...options }),
  openTwin: (options) => createLlamaEmbeddingEngine({ modelPath: path, ...options, threads: 1 }),
  words,
});

describe('exact class', () => {
  it('holds for any number of threads and any context', async () => {
    const texts = [words(1), words(70), words(300)];
    const one = await open({ threads: 1, contextSize: 512 });
    const two = await open({ threads: 2, contextSize: 400 });
    expect(one.info().numericClass).toContain('/exact-whole/f16/');
    // A reader of the class alone must come to the engine's own answer.
    expect(isExactClass(one.info().numericClass)).toBe(true);
    expect([one.info().exact, two.info().exact]).toEqual([true, true]);
    expect(await vectorsOf(two, ...texts)).toEqual(await vectorsOf(one, ...texts));
  });

  it('has no larger context than the model', async () => {
    expect((await open({ contextSize: 4096 })).info().contextSize).toBe(SHAPE.context);
  });

  it('is not claimed for plain kernels', async () => {
    const { exact, numericClass } = (await open({ kernels: 'plain' })).info();
    expect([exact, isExactClass(numericClass)]).toEqual([false, false]);
  });

  it('tells quantised weights from the model, in every vector', async () => {
    const quantised = join(folder, 'q8_0.gguf');
    await llamaQuantizer.quantize(path, quantised, 'q8_0');
    const cheat = await open({ modelPath: quantised });
    const honest = await open();
    const texts = [words(4), words(30)];
    const [a, b] = [await vectorsOf(honest, ...texts), await vectorsOf(cheat, ...texts)];
    expect(a.every((vector, i) => vector !== b[i])).toBe(true);
  });
});

describe('pooling', () => {
  it.each(['cls', 'last'] as const)('%s is what the file names, and another vector than the mean', async (pooling) => {
    const other = join(folder, `${pooling}.gguf`);
    writeRandomModel(other, { vocabularyFrom: DONOR, shape: { ...SHAPE, poolingCode: POOLING_CODES[pooling] } });
    const engine = await open({ modelPath: other });
    expect(engine.info().pooling).toBe(pooling);
    const mean = await open();
    expect(await vectorsOf(engine, words(9))).not.toEqual(await vectorsOf(mean, words(9)));
  });

  it('that no file names makes no embedding model of it', async () => {
    await expect(createLlamaEmbeddingEngine({ modelPath: DONOR })).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringMatching(/no embedding model/),
    });
  });

  it('is refused for another root than expected', async () => {
    const wrong = createLlamaEmbeddingEngine({ modelPath: path, modelRoot: new Uint8Array(32) });
    await expect(wrong).rejects.toMatchObject({ code: 'model-corrupt' });
  });
});

describe('a chat model', () => {
  const openChat = (options: Partial<LlamaEmbeddingOptions> = {}) =>
    open({ modelPath: DONOR, pools: 'mean', contextSize: 256, ...options });

  describeEmbeddingEngine({
    name: 'llama.cpp on a chat model, mean pooling',
    open: (options) => createLlamaEmbeddingEngine({ modelPath: DONOR, pools: 'mean', ...options }),
    openTwin: (options) => createLlamaEmbeddingEngine({ modelPath: DONOR, pools: 'mean', ...options, threads: 1 }),
    words,
  });

  it('has a root of its own, and vectors that depend on the whole text', async () => {
    const engine = await openChat();
    const base = new Uint8Array(
      createHash('sha256')
        .update(createHash('sha256').update(readFileSync(DONOR)).digest())
        .digest(),
    );
    const { modelRoot, pooling, numericClass, exact } = engine.info();
    expect([pooling, exact, isExactClass(numericClass)]).toEqual(['mean', true, true]);
    expect(modelRoot).toEqual(computePooledRoot(nobleCrypto, base));
    // The root names the files alone, and the engine reads them.
    expect((await openChat({ modelRoot: base })).info().modelRoot).toEqual(modelRoot);
    const [one, two, three] = await vectorsOf(engine, 'a cat sat', 'a dog sat', 'a cat sat');
    expect(one).toBe(three);
    expect(one).not.toBe(two);
  });

  it('is no chat model if its file names how it pools', async () => {
    await expect(open({ pools: 'mean' })).rejects.toThrow('is an embedding model already');
    await expect(open({ modelPath: DONOR })).rejects.toThrow('is no embedding model');
  });
});
