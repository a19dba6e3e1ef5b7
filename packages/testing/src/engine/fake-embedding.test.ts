import type { PoolingModel } from '@ogong/engine/decode/pooling-model';
import { describe, expect, it } from 'vitest';
import { describeEmbeddingEngine, EMBEDDING_RULES, type EmbeddingSubject } from './embedding-compliance.ts';
import { createFakeEmbeddingEngine, type FakeEmbeddingOptions } from './fake-embedding.ts';

const words = (count: number): string => 'abcdefghij'.repeat(20).slice(0, count);
const honest: EmbeddingSubject = {
  name: 'fake embedding engine',
  open: async (options) => createFakeEmbeddingEngine(options),
  openTwin: async (options) => createFakeEmbeddingEngine(options),
  words,
};

describeEmbeddingEngine(honest);

const reranker: EmbeddingSubject = {
  name: 'fake reranker',
  query: 'ab',
  open: async (options) => createFakeEmbeddingEngine({ ...options, reranks: true }),
  openTwin: async (options) => createFakeEmbeddingEngine({ ...options, reranks: true }),
  words,
};
describeEmbeddingEngine(reranker);

/** Returns the rules that an engine with this fault breaks. */
async function findBroken(fault: FakeEmbeddingOptions): Promise<string[]> {
  const subject = { ...honest, open: async (options: object) => createFakeEmbeddingEngine({ ...options, ...fault }) };
  const options = { contextSize: 64, maxQueue: 2 };
  const broken: string[] = [];
  for (const { name, test } of EMBEDDING_RULES) {
    const open = (twin?: 'twin') => (twin ? subject.openTwin(options) : subject.open(options));
    await test(open, subject).catch(() => broken.push(name));
  }
  return broken;
}

const bend = (pool: (model: PoolingModel, tokens: Uint32Array) => Float32Array): FakeEmbeddingOptions => ({
  bend: (model) => ({ ...model, pool: (tokens) => pool(model, tokens) }),
});

describe('the compliance suite', () => {
  it('finds no broken rule in an honest engine', async () => {
    expect(await findBroken({})).toEqual([]);
  });

  it.each<[string, FakeEmbeddingOptions, string[]]>([
    [
      'embeds the first tokens alone',
      bend((model, tokens) => model.pool(tokens.subarray(0, 16))),
      ['computes what another engine of its model and class computes', 'reads an input to its end'],
    ],
    [
      'cuts a long input instead of refusing it',
      { bend: (model) => ({ ...model, tokenize: (input) => model.tokenize(input).subarray(0, 64) }) },
      ['refuses an input that does not fit, and embeds nothing of the request'],
    ],
    [
      'computes in another precision',
      bend((model, tokens) => model.pool(tokens).map((value) => Math.round(value * 256) / 256)),
      ['computes what another engine of its model and class computes'],
    ],
    ['is another model', { error: 1e-6 }, ['computes what another engine of its model and class computes']],
    [
      'says that it is exact and is not',
      (() => {
        let passes = 0;
        return bend((model, tokens) => model.pool(tokens).map((value) => value + 1e-5 * passes++));
      })(),
      [
        'computes the same bits alone, among neighbours, again, and beside other requests',
        'computes what another engine of its model and class computes',
      ],
    ],
    [
      'says that nobody can reproduce it',
      { exact: false },
      [
        'describes itself',
        'computes what another engine of its model and class computes',
        'says that it is exact for its own class alone',
      ],
    ],
  ])('catches an engine that %s', async (_what, fault, rules) => {
    expect(await findBroken(fault)).toEqual(rules);
  });

  it('reports a model that returns no vector as an error', async () => {
    const engine = createFakeEmbeddingEngine(bend((model, tokens) => model.pool(tokens).fill(0)));
    await expect(engine.embed({ inputs: ['a'] })).rejects.toMatchObject({ code: 'engine-crashed' });
  });
});
