import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { describeEmbeddingEngine } from '@ogong/testing/engine/embedding-compliance';
import { type RandomBertShape, writeRandomBert } from '@ogong/testing/models/random-bert';
import { afterAll, describe, expect, it } from 'vitest';
import { createLlamaEmbeddingEngine } from './embedding-engine.ts';
import { findPooling } from './embedding-host.ts';
import { openLlamaModel } from './model.ts';
import { openLibrary } from './open-host.ts';
import { POOLING_CODES } from './pooled-context.ts';

const SHAPE = { embedding: 128, layers: 3, heads: 4, feedForward: 256, context: 128 };
const folder = mkdtempSync(join(tmpdir(), 'ogong-rerank-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, shape: Partial<RandomBertShape>): string => {
  const path = join(folder, `${name}.gguf`);
  writeRandomBert(path, { ...SHAPE, poolingCode: POOLING_CODES.rank, ...shape });
  return path;
};
const modelPath = write('reranker', { scores: 1 });
const QUERY = 'the dog';
const DOCUMENTS = ['the little dog sat', 'a cat', 'x 12 dog dog dog.'];

describeEmbeddingEngine({
  name: 'llama.cpp on a random reranker',
  query: QUERY,
  open: (options) => createLlamaEmbeddingEngine({ modelPath, ...options }),
  openTwin: (options) => createLlamaEmbeddingEngine({ modelPath, ...options, threads: 1 }),
  words: (count) => Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 'a' : 'b')).join(' '),
});

/** What the classifier of the file makes of the first token's hidden state: tanh(W h + b), and one row of weights over it. */
function computeScore(hidden: Float32Array): number {
  const { tensors, dataOffset } = readGgufHeader(modelPath);
  const file = readFileSync(modelPath);
  const read = (name: string, length: number): number[] => {
    const { offset, type } = tensors.find((tensor) => tensor.name === name) ?? expect.fail(name);
    const at = file.byteOffset + dataOffset + offset;
    const bytes = file.buffer.slice(at, at + length * (type === 1 ? 2 : 4));
    return Array.from(type === 1 ? new Float16Array(bytes) : new Float32Array(bytes));
  };
  const size = hidden.length;
  const [dense, bias] = [read('cls.weight', size * size), read('cls.bias', size)];
  const inner = bias.map((start, row) =>
    Math.tanh(hidden.reduce((sum, value, i) => sum + value * (dense[row * size + i] as number), start)),
  );
  const [last, [start]] = [read('cls.output.weight', size), read('cls.output.bias', 1) as [number]];
  return inner.reduce((sum, value, i) => sum + value * (last[i] as number), start);
}

describe('a reranker', () => {
  it('is opened with an exact class, reads query and document as one input, and gives the score of its classifier', async () => {
    const engine = await createLlamaEmbeddingEngine({ modelPath });
    try {
      const { embeddingSize, pooling, exact, numericClass } = engine.info();
      expect([embeddingSize, pooling, exact, isExactClass(numericClass)]).toEqual([1, 'rank', true, true]);
      const { inputs } = await engine.embed({ query: QUERY, inputs: DOCUMENTS });
      // [CLS] the dog [SEP] a cat [SEP]
      const [the, dog, a, cat] = [43, 45, 5, 46];
      expect([...(inputs[1]?.tokens ?? [])]).toEqual([2, the, dog, 3, a, cat, 3]);
      const llama = openLlamaModel(openLibrary({ backend: 'cpu', engineDir: '', isa: 'auto' }), modelPath);
      const options = { contextSize: SHAPE.context, threads: 1, pooling: 'cls', reference: true } as const;
      const context = llama.createPooledContext(options);
      for (const { tokens, vector } of inputs) expect(vector[0]).toBeCloseTo(computeScore(context.pool(tokens)), 2);
      context.free();
      llama.free();
      expect(new Set(inputs.map(({ vector }) => vector[0]?.toFixed(1))).size).toBe(DOCUMENTS.length);
    } finally {
      await engine.close();
    }
  });

  it.each([
    ['no classifier', write('bare', {}), /has no classifier/],
    ['several scores', write('several', { scores: 2 }), /gives 2 scores/],
  ])('is refused with %s', async (_what, path, message) => {
    const opening = createLlamaEmbeddingEngine({ modelPath: path });
    await expect(opening).rejects.toMatchObject({ code: 'unsupported-model', message: expect.stringMatching(message) });
  });

  it('is refused where it reads a pair in a form of its own', () => {
    const facts = { path: 'm.gguf', poolingCode: POOLING_CODES.rank, scoreCount: 1, hasRerankTemplate: false };
    expect(findPooling(facts)).toBe('rank');
    // As llama.cpp converts Qwen3-Reranker: two scores, of yes and of no.
    for (const scoreCount of [1, 2]) {
      const form = { ...facts, scoreCount, hasRerankTemplate: true };
      expect(() => findPooling(form)).toThrow(
        /form of its own \(tokenizer\.chat_template\.rerank\).*of one score are run/,
      );
    }
  });
});
