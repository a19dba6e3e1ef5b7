import { describe, expect, it } from 'vitest';
import { readServedModels } from './served-models.ts';

const one = { model: 'stories15M', modelId: 'ogong/verified/test/stories', price: '1000' };
const read = (value: unknown) => {
  const problems: string[] = [];
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { models: readServedModels('models.json', problems, () => text), problems };
};

describe('the file of served models', () => {
  it('names models, ids and prices, and what one model has of its own', () => {
    const second = { model: 'b.gguf', modelId: 'ogong/replay/test/b', price: '7', nCtx: 512, sequences: 2 };
    const own = { kvType: 'q8_0', batchSize: 512, draftModel: 'stories260K' };
    const { models, problems } = read({ models: [one, { ...second, ...own }] });
    expect(problems).toEqual([]);
    expect(models).toEqual([
      { model: 'stories15M', modelId: one.modelId, pricePer1kAtomic: 1000n },
      { model: 'b.gguf', modelId: second.modelId, pricePer1kAtomic: 7n, nCtx: 512, sequences: 2, ...own },
    ]);
  });

  it.each([
    ['no JSON', '{', /no JSON/],
    ['no models', { models: [] }, /models: /],
    ['more than an announcement holds', { models: Array.from({ length: 65 }, () => one) }, /models: /],
    ['a field that nobody knows', { models: [{ ...one, kernel: 'exact' }] }, /models\.0: .*kernel/],
    ['a price that is a number', { models: [{ ...one, price: 1000 }] }, /models\.0\.price: /],
    ['a price that is none', { models: [{ ...one, price: '1.5 atomic' }] }, /an amount, such as 0\.001/],
    ['a context of a half', { models: [{ ...one, nCtx: 99.5 }] }, /models\.0\.nCtx: /],
    ['kernels that nobody has', { models: [{ ...one, kernels: 'quick' }] }, /models\.0\.kernels: /],
    ['one id twice', { models: [one, { ...one, model: 'b' }] }, /modelId: .*given twice/],
    ['a tier that nobody serves', { models: [{ ...one, modelId: 'ogong/proof/test/a' }] }, /modelId: .*proof/],
    ['too much', ' '.repeat(300_000), /larger than/],
  ])('is refused with %s', (_what, value, message) => {
    const { problems } = read(value);
    expect(problems).toEqual([expect.stringMatching(message)]);
    expect(problems[0]).toMatch(/^--served-models models\.json: /);
  });

  it('that is not there is named', () => {
    const problems: string[] = [];
    readServedModels('/nowhere/models.json', problems);
    expect(problems).toEqual([expect.stringMatching(/--served-models \/nowhere\/models\.json: /)]);
  });
});
