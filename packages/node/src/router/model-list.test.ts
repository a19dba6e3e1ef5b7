import { describe, expect, it } from 'vitest';
import { listModels } from './model-list.ts';
import type { ListedOffer } from './supply.ts';

const root = new Uint8Array(32).fill(3);
const verifier = { endpoint: 'v:1', certHash: root, keyHash: root };
const offer = (
  payee: number,
  { stakeAtomic = 0n, numericClass = 'a', isVerifier = true, reputationPpm = 1_000_000 } = {},
): ListedOffer =>
  ({
    ...{ payee: new Uint8Array(20).fill(payee), stakeAtomic, reputationPpm, freeCapacity: 1, pricePer1kAtomic: 5n },
    announcement: { verifier: isVerifier ? verifier : undefined },
    model: { modelId: 'ogong/verified/test/a', modelRoot: root, contextSize: 512, numericClass },
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
