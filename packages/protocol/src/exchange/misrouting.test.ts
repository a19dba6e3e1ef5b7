import { expect, it } from 'vitest';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import {
  type CandidateList,
  computeMatchSeed,
  encodeCandidates,
  hashCandidates,
  type Offer,
  replayMatch,
  selectCandidates,
} from './match.ts';
import { findMisrouting, isNamedList } from './misrouting.ts';
import type { Ticket } from './ticket.ts';

const MODEL = 'ogong/verified/a/b';
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const replyId = fill(16, 1);

const offers = [1, 2, 3].map(
  (n): Offer => ({
    ...{ providerId: fill(32, n), payee: fill(20, n), modelId: MODEL, pricePer1kAtomic: BigInt(n), contextSize: 512 },
    ...{ freeCapacity: 1, stakeAtomic: 0n, reputationPpm: 500_000, expiresAtMs: 2 },
    figures: { latencyMs: 100 * n, milliTokensPerSecond: 1_000 * n },
  }),
);
const honest = selectCandidates(offers, {
  ...{ modelId: MODEL, maxPricePer1kAtomic: 3n, contextSize: 256, exclude: [], sort: 'latency', nowMs: 1 },
});

/** Creates the claim of a router that draws by its list and names it. */
function claim(list: CandidateList, bend: Partial<Ticket> = {}) {
  const candidates = encodeCandidates(list);
  const drawn = replayMatch(crypto, candidates, computeMatchSeed(crypto, replyId));
  const { providerId, payee, contextSize, pricePer1kAtomic } = drawn ?? honest.candidates[0]!;
  const named = {
    providerId,
    payee,
    contextSize,
    pricePer1kAtomic,
    candidatesHash: hashCandidates(crypto, candidates),
  };
  const ticket = { ...named, modelId: MODEL, replyId, ...bend } as Ticket;
  return { ticket, candidates };
}
const bendOne = (change: Partial<CandidateList['candidates'][number]>): CandidateList => ({
  ...honest,
  candidates: honest.candidates.map((one, i) => (i === 1 ? { ...one, ...change } : one)),
});

it('a ticket that replays from its list is no misrouting', () => {
  expect(findMisrouting(crypto, claim(honest))).toBeUndefined();
  expect(isNamedList(crypto, claim(honest))).toBe(true);
});

it('no router can be accused with a list that the ticket does not name', () => {
  const { ticket } = claim(honest);
  expect(isNamedList(crypto, { ticket, candidates: encodeCandidates(bendOne({ reputationPpm: 1 })) })).toBe(false);
});

it.each<[string, CandidateList, Partial<Ticket>, RegExp]>([
  ['a provider that its figures do not give', honest, { providerId: fill(32, 9) }, /draw does not replay/],
  ['a higher price than it lists', honest, { pricePer1kAtomic: 9n }, /other terms/],
  ['less context than it lists', honest, { contextSize: 9 }, /other terms/],
  ['another payee than it lists', honest, { payee: fill(20, 9) }, /other terms/],
  ['another model', honest, { modelId: 'ogong/verified/a/c' }, /another model/],
  ['a list above the requested price', bendOne({ pricePer1kAtomic: 4n }), {}, /above the highest price/],
  [
    'a list with less at stake than requested',
    { ...bendOne({ heldTokens: 4n }), asked: { ...honest.asked, minHeldTokens: 5n } },
    {},
    /less at stake/,
  ],
  ['a list with less room for one', bendOne({ contextSize: 200 }), {}, /less room/],
  ['an empty list', { ...honest, candidates: [] }, {}, /draw does not replay/],
])('a router misroutes if it signs for %s', (_what, list, bend, problem) => {
  expect(findMisrouting(crypto, claim(list, bend))).toMatch(problem);
});

it('a router misroutes if its named list cannot be parsed, as with figures out of bounds', () => {
  const good = encodeCandidates(honest);
  const bad = good.slice();
  // The latency of the last candidate, beyond ten minutes.
  bad.set([0xff, 0xff, 0xff, 0xff], bad.length - 8);
  for (const candidates of [bad, good.subarray(0, 40), new Uint8Array()]) {
    const { ticket } = claim(honest, { candidatesHash: hashCandidates(crypto, candidates) });
    expect(isNamedList(crypto, { ticket, candidates })).toBe(true);
    expect(findMisrouting(crypto, { ticket, candidates })).toMatch(/its list is none/);
  }
});
