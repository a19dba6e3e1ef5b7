import { describe, expect, it } from 'vitest';
import { serveConfig } from '../provider-config.ts';
import { type OfferSettings, planOffers } from './planned-offers.ts';

const [a, b] = ['ogong/verified/test/a', 'ogong/replay/test/b'] as [string, string];
const two: OfferSettings = { model: ['a.gguf', 'b.gguf'], modelId: [a, b], price: [5n, 7n] };

function problemsOf(settings: Partial<OfferSettings>): readonly string[] {
  const problems: string[] = [];
  planOffers({ ...two, ...settings }, problems);
  return problems;
}

describe('the models that the settings name', () => {
  it('have their id and their price by their place', () => {
    const problems: string[] = [];
    expect(planOffers(two, problems)).toEqual([
      { model: 'a.gguf', modelId: a, pricePer1kAtomic: 5n },
      { model: 'b.gguf', modelId: b, pricePer1kAtomic: 7n },
    ]);
    expect(planOffers({ ...two, price: [9n] }, problems).map(({ pricePer1kAtomic }) => pricePer1kAtomic)).toEqual([
      9n,
      9n,
    ]);
    expect(problems).toEqual([]);
  });

  it.each([
    ['no model', { model: [], modelId: [], price: [5n] }, /--model is required/],
    ['an id too few', { modelId: [a] }, /--model-id: 1 given for 2 models/],
    ['an id too many', { model: ['a.gguf'], price: [5n] }, /--model-id: 2 given for 1 models/],
    ['prices for some', { model: ['a', 'b', 'c'], modelId: [a, b, `${b}c`] }, /--price: 2 given for 3 models/],
    ['one id twice', { modelId: [a, a] }, /test\/a is given twice/],
    ['a tier that nobody serves', { modelId: [a, 'ogong/proof/test/b'] }, /proof/],
    ['an id of another form', { modelId: [a, 'b'] }, /--model-id: /],
  ])('are not served with %s', (_what, bend, message) => {
    expect(problemsOf(bend)).toEqual([expect.stringMatching(message)]);
  });

  it('are lists: on the command line, in the environment and in the file', () => {
    const rest = ['--deployment', 'd.json'];
    const flags = [
      '--model',
      'a.gguf',
      '--model-id',
      a,
      '--price',
      '5',
      '--model',
      'b.gguf',
      '--model-id',
      b,
      '--price',
      '7',
    ];
    const env = {
      OGONG_PROVIDER_MODEL: 'a.gguf,b.gguf',
      OGONG_PROVIDER_MODEL_ID: `${a}, ${b}`,
      OGONG_PROVIDER_PRICE: '5,7',
    };
    for (const parsed of [serveConfig.parse([...flags, ...rest], {}), serveConfig.parse(rest, env)]) {
      expect(parsed).toMatchObject({ kind: 'run', values: two });
    }
  });
});
