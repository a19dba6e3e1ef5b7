import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/match.json' with { type: 'json' };
import { concatBytes, fromHex, ProtocolError, toHex, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { computeWilsonInterval } from '../statistics/statistics.ts';
import {
  type Candidate,
  type CandidateList,
  encodeCandidates,
  hashCandidates,
  type MatchRequest,
  type Offer,
  parseCandidates,
  parseModelId,
  replayMatch,
  roundContext,
  selectCandidates,
  weighList,
} from './match.ts';
import { NO_FIGURES } from './preference.ts';

const MODEL = 'ogong/verified/tinystories/stories260k-q8_0';
const TOKEN = 10n ** 18n;

const offer = (id: number, change: Partial<Offer> = {}): Offer => ({
  providerId: new Uint8Array(32).fill(id),
  modelId: MODEL,
  pricePer1kAtomic: 100n,
  contextSize: 512,
  freeCapacity: 1,
  payee: new Uint8Array(20).fill(id),
  stakeAtomic: 0n,
  reputationPpm: 500_000,
  expiresAtMs: 2000,
  ...change,
});
const request: MatchRequest = { modelId: MODEL, maxPricePer1kAtomic: 100n, contextSize: 512, exclude: [], nowMs: 1000 };
const seed = (i: number): Uint8Array => nobleCrypto.sha256(utf8Encode(`seed ${i}`));
const ids = (offers: readonly Offer[], change: Partial<MatchRequest> = {}): number[] =>
  selectCandidates(offers, { ...request, ...change }).candidates.map(({ providerId }) => providerId[0]!);

describe('model ids', () => {
  it('are parsed into parts', () => {
    expect(parseModelId(`${MODEL}+pirate`).model).toBe('stories260k-q8_0+pirate');
    expect(parseModelId(MODEL)).toEqual({ tier: 'verified', maker: 'tinystories', model: 'stories260k-q8_0' });
  });

  it('refuse every other spelling', () => {
    for (const text of [
      '',
      'ogong/verified/x',
      'ogong/verified/x/y/z',
      'ogong/gold/x/y',
      'ogong/Verified/x/y',
      'ogong/verified/X/y',
      'ogong/verified//y',
      'ogong/verified/x/.y',
      'ogong/verified/x/y ',
      'ogong/verified/x/y\n',
      'ogong/verified/x/ÿ',
      `ogong/verified/x/${'y'.repeat(65)}`,
      'other/verified/x/y',
    ]) {
      expect(() => parseModelId(text), text).toThrow(ProtocolError);
    }
  });
});

describe('candidates', () => {
  it('are filtered one condition at a time', () => {
    expect(ids([offer(1)])).toEqual([1]);
    expect(ids([offer(1, { modelId: 'ogong/vanilla/tinystories/stories260k-q8_0' })])).toEqual([]);
    expect(ids([offer(1, { pricePer1kAtomic: 101n })])).toEqual([]);
    expect(ids([offer(1, { freeCapacity: 0 })])).toEqual([]);
    expect(ids([offer(1, { expiresAtMs: 1000 })])).toEqual([]);
    expect(ids([offer(1, { reputationPpm: 0 })])).toEqual([]);
    expect(ids([offer(1)], { exclude: [new Uint8Array(32).fill(1)] })).toEqual([]);
    expect(() => ids([offer(1)], { modelId: 'anything' })).toThrow(ProtocolError);
  });

  it('come sorted, each provider once and at its cheapest', () => {
    const offers = [offer(3), offer(1), offer(2), offer(1, { pricePer1kAtomic: 90n })];
    expect(ids(offers)).toEqual([1, 2, 3]);
    expect(selectCandidates(offers, request).candidates[0]!.pricePer1kAtomic).toBe(90n);
  });

  it('are those with the requested amount at stake, in whole tokens', () => {
    const token = 10n ** 18n;
    const offers = [offer(1), offer(2, { heldAtomic: 5n * token - 1n }), offer(3, { heldAtomic: 5n * token })];
    expect(ids(offers)).toEqual([1, 2, 3]);
    expect(ids(offers, { minHeldTokens: 4n })).toEqual([2, 3]);
    expect(ids(offers, { minHeldTokens: 5n })).toEqual([3]);
    expect(ids(offers, { minHeldTokens: 6n })).toEqual([]);
    const { asked, candidates } = selectCandidates(offers, { ...request, minHeldTokens: 4n });
    expect([asked.minHeldTokens, ...candidates.map(({ heldTokens }) => heldTokens)]).toEqual([4n, 4n, 5n]);
  });

  it('are those with enough room, or with the most room', () => {
    const offers = [offer(1, { contextSize: 1 }), offer(2, { contextSize: 600 }), offer(3, { contextSize: 4096 })];
    expect(ids(offers)).toEqual([2, 3]);
    expect(ids(offers, { contextSize: 600 })).toEqual([2, 3]);
    expect(ids(offers, { contextSize: 601 })).toEqual([3]);
    expect(ids([...offers, offer(4, { contextSize: 4096 })], { contextSize: 100_000 })).toEqual([3, 4]);
    // Providers that were tried, are busy or too dear leave the place to the others.
    expect(ids([offer(1, { contextSize: 1 }), offer(2, { freeCapacity: 0 })])).toEqual([1]);
  });

  it('weigh stake times reputation, and serve without stake', () => {
    const weigh = (change: Partial<Offer>): readonly bigint[] =>
      weighList(selectCandidates([offer(1, change)], request));
    expect(weigh({})).toEqual([500_000n]);
    expect(weigh({ stakeAtomic: 10n * TOKEN - 1n })).toEqual([5_000_000n]);
    expect(weigh({ stakeAtomic: 5_000_000_000n * TOKEN, reputationPpm: 0 })).toEqual([]);
  });

  it('are only those that the request names, without those that it rules out', () => {
    const id = (n: number): Uint8Array => new Uint8Array(32).fill(n);
    const offers = [offer(1), offer(2), offer(3)];
    expect(ids(offers, { only: [id(1), id(3), id(9)] })).toEqual([1, 3]);
    expect(ids(offers, { only: [id(1), id(3)], exclude: [id(3)] })).toEqual([1]);
    expect(ids(offers, { only: [id(9)] })).toEqual([]);
  });
});

describe('the stake of one payee', () => {
  const payee = new Uint8Array(20).fill(99);
  const weigh = (offers: readonly Offer[]) =>
    listWeighed(selectCandidates(offers, request)).map(({ providerId, weight }) => [providerId[0], weight / 500_000n]);
  const listWeighed = (list: CandidateList) =>
    weighList(list).map((weight, i) => ({ providerId: list.candidates[i]!.providerId, weight }));

  it('is shared among its offers in the list, rounded down', () => {
    const own = [1, 2, 3].map((id) => offer(id, { payee, stakeAtomic: 11n * TOKEN - 1n }));
    const other = offer(4, { stakeAtomic: 11n * TOKEN - 1n });
    expect(weigh([...own, other])).toEqual([
      [1, 4n],
      [2, 4n],
      [3, 4n],
      [4, 11n],
    ]);
    expect(weigh([own[0]!, other])).toEqual([
      [1, 11n],
      [4, 11n],
    ]);
  });

  it('is shared only within the list', () => {
    const stakeAtomic = 10n * TOKEN;
    const own = offer(1, { payee, stakeAtomic });
    for (const change of [{ pricePer1kAtomic: 101n }, { freeCapacity: 0 }, { expiresAtMs: 1 }, { reputationPpm: 0 }]) {
      expect(weigh([own, offer(2, { payee, stakeAtomic, ...change })])).toEqual([[1, 11n]]);
    }
    expect(weigh([own, offer(1, { payee, stakeAtomic, pricePer1kAtomic: 90n })])).toEqual([[1, 11n]]);
  });
});

describe('candidate list', () => {
  const anyList: fc.Arbitrary<CandidateList> = fc
    .uniqueArray(
      fc.record({
        providerId: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        pricePer1kAtomic: fc.bigInt(0n, 2n ** 128n - 1n),
        payee: fc.uint8Array({ minLength: 20, maxLength: 20 }),
        contextSize: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        stakeTokens: fc.bigInt(0n, 2n ** 64n - 1n),
        heldTokens: fc.bigInt(0n, 2n ** 64n - 1n),
        reputationPpm: fc.integer({ min: 1, max: 1_000_000 }),
        figures: fc.record({
          latencyMs: fc.integer({ min: 0, max: 600_000 }),
          milliTokensPerSecond: fc.integer({ min: 0, max: 1_000_000_000 }),
        }),
      }),
      { selector: ({ providerId }) => toHex(providerId), maxLength: 12 },
    )
    .map((candidates) => ({
      modelId: MODEL,
      asked: { sort: 'balanced', maxPricePer1kAtomic: 7n, contextSize: 9, minHeldTokens: 5n },
      candidates: candidates.sort((a, b) => (toHex(a.providerId) < toHex(b.providerId) ? -1 : 1)),
    }));

  it('round-trips; truncated, longer and unsorted lists do not parse', () => {
    fc.assert(
      fc.property(anyList, fc.nat(), (list, cut) => {
        const bytes = encodeCandidates(list);
        expect(parseCandidates(bytes)).toEqual(list);
        expect(() => parseCandidates(bytes.subarray(0, cut % bytes.length))).toThrow(ProtocolError);
        expect(() => parseCandidates(concatBytes(bytes, Uint8Array.of(0)))).toThrow(ProtocolError);
        if (list.candidates.length > 1) {
          expect(() => encodeCandidates({ ...list, candidates: [...list.candidates].reverse() })).toThrow(
            ProtocolError,
          );
        }
      }),
      { seed: 71 },
    );
  });

  it('refuses a candidate without reputation or context, and figures beyond their bounds', () => {
    const list = selectCandidates([offer(1)], request);
    const encode = (change: Partial<Candidate>) => () =>
      encodeCandidates({ ...list, candidates: [{ ...list.candidates[0]!, ...change }] });
    const figures = NO_FIGURES;
    expect(encode({})).not.toThrow();
    for (const change of [
      { reputationPpm: 0 },
      { reputationPpm: 1_000_001 },
      { contextSize: 0 },
      { stakeTokens: 2n ** 64n },
      { figures: { ...figures, latencyMs: 600_001 } },
      { figures: { ...figures, milliTokensPerSecond: 1_000_000_001 } },
    ]) {
      expect(encode(change), JSON.stringify(Object.keys(change))).toThrow(ProtocolError);
    }
  });
});

describe('match', () => {
  it('draws in proportion to weight', () => {
    const offers = [offer(1), offer(2, { stakeAtomic: 2n * TOKEN }), offer(3, { reputationPpm: 1_000_000 })];
    const bytes = encodeCandidates(selectCandidates(offers, request));
    const draws = 3000;
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < draws; i++) counts[replayMatch(nobleCrypto, bytes, seed(i))!.providerId[0]!]!++;
    // Weights 1 : 3 : 2.
    for (const [id, share] of [
      [1, 1 / 6],
      [2, 3 / 6],
      [3, 2 / 6],
    ] as const) {
      const { low, high } = computeWilsonInterval(counts[id]!, draws, 4);
      expect(low < share && high > share).toBe(true);
    }
  });

  it('is fixed by list and seed, for any order of the offers', () => {
    const offers = [1, 2, 3, 4, 5].map((id) => offer(id));
    const [one, two] = [offers, [...offers].reverse()].map((some) => encodeCandidates(selectCandidates(some, request)));
    expect(one).toEqual(two);
    for (let i = 0; i < 20; i++) {
      expect(replayMatch(nobleCrypto, one!, seed(i))).toEqual(replayMatch(nobleCrypto, two!, seed(i)));
    }
  });

  it('finds no candidate in an empty list', () => {
    expect(replayMatch(nobleCrypto, encodeCandidates(selectCandidates([], request)), seed(1))).toBeUndefined();
  });

  it('matches the vectors', () => {
    for (const vector of vectors.matches) {
      const bytes = fromHex(vector.candidates);
      expect(toHex(hashCandidates(nobleCrypto, bytes))).toBe(vector.candidatesHash);
      expect(weighList(parseCandidates(bytes)).map(String)).toEqual(vector.weights);
      expect(toHex(replayMatch(nobleCrypto, bytes, fromHex(vector.seed))!.providerId)).toBe(vector.providerId);
    }
  });
});

describe('the requested context of a match', () => {
  it.each([
    [1, 512],
    [512, 512],
    [513, 768],
    [768, 768],
    [769, 1_024],
    [3_000, 3_072],
    [3_073, 4_096],
    [131_073, 196_608],
    [0xffffffff, 0xffffffff],
  ])('has two leading bits: %i as %i', (contextSize, asked) => {
    expect(roundContext(contextSize)).toBe(asked);
    expect(roundContext(asked)).toBe(asked);
  });
});
