import { describe, expect, it } from 'vitest';
import { listModels, listOffers } from './model-list.ts';
import type { ListedOffer } from './supply.ts';

const root = new Uint8Array(32).fill(3);
const verifier = { endpoint: 'v:1', certHash: root, keyHash: root };
const offer = (
  payee: number,
  {
    stakeAtomic = 0n,
    numericClass = 'a',
    isVerifier = true,
    reputationPpm = 1_000_000,
    figures = { latencyMs: 0, milliTokensPerSecond: 0 },
  } = {},
): ListedOffer =>
  ({
    ...{
      payee: new Uint8Array(20).fill(payee),
      stakeAtomic,
      reputationPpm,
      freeCapacity: 1,
      pricePer1kAtomic: 5n,
      figures,
    },
    ...{ providerId: new Uint8Array(32).fill(payee), contextSize: 512, livenessPpm: 900_000 },
    announcement: { verifier: isVerifier ? verifier : undefined },
    model: { modelId: 'ogong/verified/test/a', modelRoot: root, contextSize: 512, numericClass, capacity: 2 },
  }) as unknown as ListedOffer;

describe('a listed model', () => {
  it('says who could judge it: payees with a verifier, each once, and those with stake', () => {
    const offers = [
      offer(1, { stakeAtomic: 4n }),
      offer(1, { stakeAtomic: 4n }),
      offer(2, { numericClass: 'b' }),
      offer(3, { isVerifier: false, stakeAtomic: 9n }),
      offer(4, { reputationPpm: 0, stakeAtomic: 9n, numericClass: 'c' }),
    ];
    expect(listModels(offers)).toMatchObject([
      { providers: 4, verifiers: 2, stakedVerifiers: 1, numericClasses: ['a', 'b'] },
    ]);
  });

  it('that only its own provider verifies shows one verifier, and one that nobody verifies none', () => {
    expect(listModels([offer(1)])).toMatchObject([{ verifiers: 1, stakedVerifiers: 0 }]);
    expect(listModels([offer(1, { isVerifier: false })])).toMatchObject([{ verifiers: 0 }]);
  });
});

it('says how many providers read the prompt: the members of the largest cohort', () => {
  const cohort = (members: number) => ({ manifestHash: root, members: new Array(members).fill({}) });
  const shared = (payee: number, members: number) => {
    const alone = offer(payee);
    return { ...alone, model: { ...alone.model, cohort: cohort(members) } } as unknown as ListedOffer;
  };
  expect(listModels([offer(1)])).toMatchObject([{ promptReaders: 1 }]);
  expect(listModels([shared(2, 3), offer(1), shared(3, 2)])).toMatchObject([{ promptReaders: 3 }]);
  expect(listOffers([offer(1), shared(2, 3)], 9).map(({ promptReaders }) => promptReaders)).toEqual([1, 3]);
});

describe('listed figures', () => {
  const measured = (latencyMs: number, milliTokensPerSecond = 0) => ({ figures: { latencyMs, milliTokensPerSecond } });

  it('of a model are the lower medians of those that anybody measured', () => {
    const offers = [
      offer(1, measured(300)),
      offer(2, measured(0)),
      offer(3, measured(100, 7_000)),
      offer(4, measured(200)),
    ];
    expect(listModels(offers)).toMatchObject([{ latencyMs: 200, milliTokensPerSecond: 7_000 }]);
    expect(listModels([offer(1)])).toMatchObject([{ latencyMs: 0, milliTokensPerSecond: 0 }]);
  });

  it('lists offers one by one, the most reputable first, and none of an ejected provider', () => {
    const offers = [
      offer(1, { ...measured(100, 7_000), reputationPpm: 400_000, stakeAtomic: 3n * 10n ** 18n }),
      offer(2, { reputationPpm: 500_000 }),
      offer(3, { ...measured(1), reputationPpm: 0 }),
    ];
    expect(listOffers(offers, 9).map(({ providerId }) => providerId[0])).toEqual([2, 1]);
    expect(listOffers(offers, 1)).toHaveLength(1);
    expect(listOffers(offers, 9)[1]).toMatchObject({
      ...{ latencyMs: 100, milliTokensPerSecond: 7_000, reputationPpm: 400_000, livenessPpm: 900_000, stakeTokens: 3n },
      ...{ pricePer1k: 5n, contextSize: 512, capacity: 2, freeCapacity: 1, numericClass: 'a' },
    });
  });
});
