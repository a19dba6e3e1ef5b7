import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeVector } from '@ogong/protocol/modality/embedding/vector';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { describeEmbeddingEngine } from '@ogong/testing/engine/embedding-compliance';
import { writeRandomBert } from '@ogong/testing/models/random-bert';
import { afterAll, expect, it } from 'vitest';
import { type Engine, openEngine } from '../open-engine.ts';
import { createLlamaEmbeddingEngine } from './embedding-engine.ts';
import { POOLING_CODES } from './pooled-context.ts';

const SHAPE = { embedding: 128, layers: 3, heads: 4, feedForward: 256, context: 128 };
const folder = mkdtempSync(join(tmpdir(), 'ogong-bert-'));
const [mean, cls] = (['mean', 'cls'] as const).map((pooling) => {
  const path = join(folder, `${pooling}.gguf`);
  writeRandomBert(path, { ...SHAPE, poolingCode: POOLING_CODES[pooling] });
  return path;
}) as [string, string];
const opened: Engine[] = [];
afterAll(async () => {
  await Promise.all(opened.map((engine) => engine.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function open(modelPath: string, settings: { readonly contextSize?: number; readonly threads?: number } = {}) {
  const engine = await openEngine({ modelPath, ...settings });
  opened.push(engine);
  if (engine.specificationVersion !== 'embedding-v1') throw new Error('no embedding engine');
  return engine;
}

describeEmbeddingEngine({
  name: 'llama.cpp on a random encoder',
  open: (options) => createLlamaEmbeddingEngine({ modelPath: cls, ...options }),
  openTwin: (options) => createLlamaEmbeddingEngine({ modelPath: cls, ...options, threads: 1 }),
  words: (count) => Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 'a' : 'b')).join(' '),
});

it('an encoder is opened as an embedding engine of an exact class, with its own tokens and pooling', async () => {
  const engine = await open(cls);
  expect(engine.info()).toMatchObject({ embeddingSize: SHAPE.embedding, contextSize: SHAPE.context, pooling: 'cls' });
  expect([engine.info().exact, isExactClass(engine.info().numericClass)]).toEqual([true, true]);
  // [CLS], the pieces, [SEP]: case is folded, and a word that is not in the vocabulary is spelled.
  const [a, b] = [await engine.tokenize('The dogs'), await engine.tokenize('the dogs')];
  expect([a.length, a[0], a.at(-1)]).toEqual([5, 2, 3]);
  expect(b).toEqual(a);
});

it('a token of an encoder sees those after it', async () => {
  const engine = await open(cls);
  const { inputs } = await engine.embed({ inputs: ['a b c', 'a b d'] });
  const [one, other] = inputs.map(({ vector }) => Buffer.from(encodeVector(vector)));
  // The vector is the first token's.
  expect(one).not.toEqual(other);
  const pooled = await (await open(mean)).embed({ inputs: ['a b c'] });
  expect(Buffer.from(encodeVector(pooled.inputs[0]?.vector as Float32Array))).not.toEqual(one);
});

it('an encoder takes inputs up to its last position, and no context beyond it', async () => {
  const engine = await open(mean, { contextSize: 4096 });
  expect(engine.info().contextSize).toBe(SHAPE.context);
  const words = (count: number): string => Array(count).fill('a').join(' ');
  const { inputs } = await engine.embed({ inputs: [words(SHAPE.context - 2)] });
  expect(inputs[0]?.tokens).toHaveLength(SHAPE.context);
  const long = engine.embed({ inputs: [words(SHAPE.context - 1)] });
  await expect(long).rejects.toMatchObject({ code: 'prompt-too-long' });
});
