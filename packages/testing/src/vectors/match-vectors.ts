import { concatBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  encodeCandidates,
  hashCandidates,
  type Offer,
  parseCandidates,
  replayMatch,
  selectCandidates,
  weighList,
} from '@ogong/protocol/exchange/match';
import { SORTS } from '@ogong/protocol/exchange/preference';

const MODEL = 'ogong/verified/tinystories/stories260k-q8_0';
const TOKEN = 10n ** 18n;

/** Lists of one to six candidates under each preference, with their weights and the drawn candidate. */
export function createMatchVectors(crypto: Crypto): unknown {
  const name = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
  const offers = Array.from({ length: 6 }, (_, n): Offer => {
    // The last two belong to one payee.
    const payee = name(`payee ${Math.min(n, 4)}`).slice(0, 20);
    const stakeAtomic = BigInt(3 * Math.min(n, 4)) * TOKEN + 5n;
    const measured = { latencyMs: n === 3 ? 0 : 40 + 90 * n, milliTokensPerSecond: n === 2 ? 0 : 90_000 - 17_000 * n };
    return {
      ...{ providerId: name(`provider ${n}`), payee, modelId: MODEL, pricePer1kAtomic: BigInt(100 + 60 * n) },
      ...{
        contextSize: 2_048,
        freeCapacity: 1,
        stakeAtomic,
        heldAtomic: BigInt(4 * n) * TOKEN,
        reputationPpm: 1_000_000 - 150_000 * n,
        expiresAtMs: 2,
      },
      figures: measured,
    };
  });
  const matches = SORTS.flatMap((sort) =>
    [1, 3, 6].map((size) => {
      const limits = { maxPricePer1kAtomic: 1_000n, contextSize: 512, minHeldTokens: sort === 'balanced' ? 8n : 0n };
      const terms = { modelId: MODEL, ...limits, exclude: [], sort, nowMs: 1 };
      // Of the balanced candidates, the last ones hold exactly the required stake.
      const offered = sort === 'balanced' ? offers.slice(-size) : offers.slice(0, size);
      const candidates = encodeCandidates(selectCandidates(offered, terms));
      const seed = crypto.sha256(concatBytes(name(`request ${sort}`), name(`reply ${size}`).slice(0, 16)));
      const drawn = replayMatch(crypto, candidates, seed);
      return {
        ...{ candidates: toHex(candidates), candidatesHash: toHex(hashCandidates(crypto, candidates)) },
        weights: weighList(parseCandidates(candidates)).map(String),
        ...{ seed: toHex(seed), providerId: toHex(drawn?.providerId as Uint8Array) },
      };
    }),
  );
  return { matches };
}
