import { type DrawRow, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import {
  isListedOrder,
  NAT,
  PLAIN_SAMPLER,
  quantizeLogprob,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { describe, expect, it } from 'vitest';
import { countOwnList, type DrawInputs, measureGap, replayRank } from '../replay-row.ts';
import { type MassagedReply, massageRow, renameCandidates } from './massage.ts';

/** A row of tokens 5, 9 and 7 with probabilities of about 1/2, 1/4 and 1/8. */
const row = (token: number): DrawRow => {
  const ids = Uint32Array.of(5, 9, 7);
  const q = Uint32Array.from([0.5, 0.25, 0.125], (p) => quantizeLogprob(Math.log(p)));
  return { ids, q, tail: WEIGHT_ONE / 8, rank: ids.indexOf(token) };
};
/** A list that leaves a tail must hold 64 candidates, or the whole vocabulary if that is smaller. */
const inputs = (u: number, vocabularySize = 3): DrawInputs => ({
  u: Math.round(u * WEIGHT_ONE),
  settings: PLAIN_SAMPLER,
  bias: new Map(),
  counts: new Map(),
  vocabularySize,
});

describe('massaging one row', () => {
  it('changes little if the draw lies close to the interval of the token', () => {
    // Intervals in the order of ids: 5 ends at .5, 7 at .625, 9 at .875.
    for (const [u, token] of [
      [0.5001, 5],
      [0.4999, 7],
      [0.6249, 9],
    ] as const) {
      const bent = massageRow(row(token), inputs(u)) as MassagedReply;
      expect(tokenOf(bent.row)).toBe(token);
      expect(replayRank(bent.row, inputs(u))).toBe(bent.row.rank);
      expect(bent.shiftQ16 / NAT).toBeLessThan(0.001);
      expect(isListedOrder(bent.row.ids, bent.row.q, bent.row.ids.length)).toBe(true);
    }
  });

  it('changes more if the draw lies farther off', () => {
    const shifts = [0.51, 0.55, 0.6].map((u) => (massageRow(row(5), inputs(u)) as MassagedReply).shiftQ16);
    expect(shifts[0]).toBeLessThan(shifts[1] as number);
    expect(shifts[1]).toBeLessThan(shifts[2] as number);
  });

  it('changes only two values to keep the mean change small', () => {
    const many = Array.from({ length: 20 }, (_, i) => 100 + i);
    const ids = Uint32Array.of(5, 9, 7, ...many);
    const q = Uint32Array.from([0.5, 0.25, 0.125, ...many.map(() => 0.005)], (p) => quantizeLogprob(Math.log(p)));
    const long: DrawRow = { ids, q, tail: WEIGHT_ONE / 40, rank: 0 };
    const largest = massageRow(long, inputs(0.55, q.length), 'largest') as MassagedReply;
    const mean = massageRow(long, inputs(0.55, q.length), 'mean') as MassagedReply;
    expect(replayRank(mean.row, inputs(0.55, q.length))).toBe(mean.row.rank);
    expect(mean.meanQ16).toBeLessThan(largest.meanQ16);
    expect(mean.shiftQ16).toBeGreaterThan(largest.shiftQ16);
    // Token 7 keeps its value: 5 takes what 9 gives.
    expect(mean.row.q[mean.row.ids.indexOf(7)]).toBe(q[2]);
  });

  it('changes nothing if the draw agrees', () => {
    expect(massageRow(row(5), inputs(0.3))).toMatchObject({ shiftQ16: 0 });
  });

  it('leaves no tail after a short list', () => {
    expect(massageRow(row(7), inputs(0.4999, 320))).toBeUndefined();
  });

  it('knows how far off a draw is', () => {
    expect(measureGap(row(5), inputs(0.6))).toBeCloseTo(0.1, 4);
    expect(measureGap(row(5), inputs(0.2))).toBe(0);
  });
});

describe('the list of an engine of its own', () => {
  const ids = Uint32Array.from({ length: 64 }, (_, i) => 100 + i);
  const q = Uint32Array.from(ids, (_, i) => quantizeLogprob(Math.log(0.5) * (i + 1)));
  const full: DrawRow = { ids, q, tail: 0, rank: 0 };
  const own = (settings: Partial<DrawInputs['settings']>): number =>
    countOwnList(full, { ...inputs(0, 320), settings: { ...PLAIN_SAMPLER, ...settings } });

  it('is as long as the filters need, at least 20, and full if it leaves a tail', () => {
    expect(own({ topPQ24: Math.round(0.95 * WEIGHT_ONE) })).toBe(20);
    expect(own({ topK: 40 })).toBe(40);
    expect(own({ temperatureQ16: 0 })).toBe(20);
    expect(countOwnList({ ...full, tail: 4096 }, inputs(0, 320))).toBe(64);
  });
});

it('renaming candidates keeps every value, and only the name of the drawn token', () => {
  const ids = Uint32Array.of(50, 90, 70, 60);
  const q = Uint32Array.from([0.4, 0.2, 0.2, 0.1], (p) => quantizeLogprob(Math.log(p)));
  const sorted = { ids, q: q.slice().sort(), tail: Math.round(0.1 * WEIGHT_ONE), rank: 3 };
  for (const share of [0.05, 0.3, 0.5, 0.7, 0.85]) {
    const given = inputs(Math.floor(share * WEIGHT_ONE), 320);
    const renamed = renameCandidates(sorted, given);
    if (renamed === undefined) continue;
    expect(replayRank(renamed, given)).toBe(3);
    expect(renamed).toMatchObject({ q: sorted.q, tail: sorted.tail, rank: 3 });
    expect([...renamed.ids].filter((id) => ids.includes(id))).toEqual([60]);
  }
  expect(renameCandidates({ ...sorted, rank: TAIL_RANK, tailId: 5, tailQ: 9 }, inputs(1, 320))).toBeUndefined();
});
