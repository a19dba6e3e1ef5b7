import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { computeTensorBytes } from '@ogong/models/gguf/types';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { describeEmbeddingEngine } from '@ogong/testing/engine/embedding-compliance';
import { type RandomBertShape, writeRandomBert } from '@ogong/testing/models/random-bert';
import { RERANK_TEMPLATE, writeRandomReranker } from '@ogong/testing/models/random-reranker';
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

function readTensor(path: string, name: string): ArrayBuffer {
  const { tensors, dataOffset } = readGgufHeader(path);
  const tensor = tensors.find((each) => each.name === name) ?? expect.fail(name);
  const start = dataOffset + tensor.offset;
  const file = readFileSync(path);
  return Uint8Array.from(file.subarray(start, start + (computeTensorBytes(tensor) ?? 0))).buffer;
}

/** Computes the classifier of the file over the first token's hidden state: tanh(W h + b), and one row of weights over it. */
function computeScore(hidden: Float32Array): number {
  const read = (name: string, length: number): number[] => {
    const bytes = readTensor(modelPath, name);
    return Array.from(bytes.byteLength === length * 2 ? new Float16Array(bytes) : new Float32Array(bytes));
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

  it('is refused where nobody says what its scores are of, or its architecture leaves them as they are', () => {
    const facts = {
      ...{ path: 'm.gguf', architecture: 'qwen3', poolingCode: POOLING_CODES.rank, scoreCount: 2 },
      ...{ scoreLabels: ['no', 'yes'], rerankTemplate: undefined },
    };
    expect(findPooling(facts)).toBe('rank');
    for (const change of [
      { scoreLabels: undefined },
      { scoreLabels: ['no', 'maybe'] },
      { scoreLabels: ['no', 'yes', 'yes'], scoreCount: 3 },
      { architecture: 'llama' },
    ])
      expect(() => findPooling({ ...facts, ...change })).toThrow(/one of yes and no as Qwen3-Reranker has it/);
  });
});

const DONOR = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const inWords = join(folder, 'in-words.gguf');
writeRandomReranker(inWords, { vocabularyFrom: DONOR });

describeEmbeddingEngine({
  name: 'llama.cpp on a random reranker that answers in words',
  query: QUERY,
  open: (options) => createLlamaEmbeddingEngine({ modelPath: inWords, ...options }),
  openTwin: (options) => createLlamaEmbeddingEngine({ modelPath: inWords, ...options, threads: 1 }),
  words: (count) => Array(count).fill('a').join(' '),
});

describe('a reranker that answers in words', () => {
  const scoresOf = async (path: string): Promise<readonly { tokens: Uint32Array; score: number }[]> => {
    const engine = await createLlamaEmbeddingEngine({ modelPath: path });
    try {
      expect([engine.info().embeddingSize, engine.info().exact]).toEqual([1, true]);
      const { inputs } = await engine.embed({ query: QUERY, inputs: DOCUMENTS });
      return inputs.map(({ tokens, vector }) => ({ tokens, score: vector[0] as number }));
    } finally {
      await engine.close();
    }
  };

  it('reads the pair in the form of its file, and gives the likelihood of yes against no', async () => {
    const found = await scoresOf(inWords);
    const llama = openLlamaModel(openLibrary({ backend: 'cpu', engineDir: '', isa: 'auto' }), inWords);
    const weights = new Float16Array(readTensor(inWords, 'cls.output.weight'));
    const last = llama.createPooledContext({ contextSize: 128, threads: 1, pooling: 'last', reference: true });
    for (const [i, { tokens, score }] of found.entries()) {
      const written = RERANK_TEMPLATE.replace('{query}', QUERY).replace('{document}', DOCUMENTS[i] as string);
      expect([...tokens]).toEqual([...llama.vocabulary.tokenize(written, { addSpecial: false, parseSpecial: true })]);
      const hidden = last.pool(tokens);
      const [yes = 0, no = 0] = [0, 1].map((row) =>
        hidden.reduce((sum, value, at) => sum + value * (weights[row * hidden.length + at] as number), 0),
      );
      expect(score).toBeCloseTo(1 / (1 + Math.exp(no - yes)), 2);
    }
    last.free();
    llama.free();
    expect(new Set(found.map(({ score }) => score.toFixed(3))).size).toBe(DOCUMENTS.length);
  });

  it('takes the score of yes, wherever it stands', async () => {
    const turned = join(folder, 'turned.gguf');
    writeRandomReranker(turned, { vocabularyFrom: DONOR, labels: ['no', 'yes'] });
    const [scores, others] = [await scoresOf(inWords), await scoresOf(turned)];
    for (const [i, { score }] of scores.entries()) expect(score + (others[i]?.score ?? 0)).toBeCloseTo(1, 6);
  });

  it('is refused with a form that has no place for the document', async () => {
    const path = join(folder, 'half.gguf');
    writeRandomReranker(path, { vocabularyFrom: DONOR, template: '<s>{query}</s>' });
    const opening = createLlamaEmbeddingEngine({ modelPath: path });
    await expect(opening).rejects.toMatchObject({ code: 'unsupported-model', message: expect.stringMatching(/once/) });
  });
});
