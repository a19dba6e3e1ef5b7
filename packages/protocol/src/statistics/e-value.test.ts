import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { calibrateRank, dilute } from './e-value.ts';

const listRanks = (replies: number): number[] => Array.from({ length: replies + 1 }, (_, i) => i + 1);

/** Draws the chances of the ranks given one table: spacings of uniform values, for any distribution of the statistic. */
function drawChances(random: () => number, replies: number): number[] {
  const gaps = listRanks(replies).map(() => -Math.log(1 - random()));
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  return gaps.map((gap) => gap / total);
}

function countTablesAbove(bets: readonly number[], { tables, seed }: { tables: number; seed: number }): number {
  const random = createSeededRandom(seed);
  return Array.from({ length: tables }, () =>
    drawChances(random, bets.length - 1).reduce((sum, chance, i) => sum + chance * (bets[i] as number), 0),
  ).filter((expectation) => expectation > 1).length;
}

describe('the calibrator of ranks', () => {
  it('has expectation below one over ranks, with no more slack than luck needs', () => {
    for (const replies of [100, 1000, 10_000, 100_000]) {
      const mean = listRanks(replies).reduce((sum, rank) => sum + calibrateRank(rank, replies), 0) / (replies + 1);
      expect(mean).toBeLessThan(1);
      expect(mean).toBeGreaterThan(0.55);
    }
  });

  it('makes e-values that may be multiplied for more than 99 tables in 100', () => {
    for (const replies of [100, 1000, 4000]) {
      const bets = listRanks(replies).map((rank) => calibrateRank(rank, replies));
      expect(countTablesAbove(bets, { tables: 1500, seed: replies })).toBeLessThan(15);
    }
  });

  it('would not without the deduction for luck', () => {
    const bets = listRanks(1000).map((rank) => calibrateRank(rank, 1000));
    const mean = bets.reduce((sum, bet) => sum + bet, 0) / bets.length;
    const fair = bets.map((bet) => bet / mean);
    expect(countTablesAbove(fair, { tables: 500, seed: 3 })).toBeGreaterThan(150);
  });

  it('falls with the rank, and bets more with more measurements', () => {
    const values = listRanks(300).map((rank) => calibrateRank(rank, 300));
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeLessThan(values[i - 1] as number);
    const first = [100, 1000, 10_000].map((replies) => calibrateRank(1, replies));
    expect(first).toEqual([...first].sort((a, b) => a - b));
  });

  it('stays below one in the mean with a further one if the first lies far out, for any dependence', () => {
    const steps = 200_000;
    const at = (u: number, replies: number): number => calibrateRank(Math.ceil(u * (replies + 1)), replies);
    for (const [first, second] of [
      [100, 100],
      [100, 20_000],
      [20_000, 100],
      [1000, 5000],
    ] as const) {
      for (const share of [0.002, 0.01, 0.2]) {
        let mean = 0;
        for (let i = 0; i < steps; i++) {
          // The worst coupling: both values are equal.
          const u = (i + 0.5) / steps;
          const one = at(u, first);
          mean += (u <= share ? (one + at(u, second)) / 2 : one) / steps;
        }
        expect(mean, `${first} and ${second}, ${share}`).toBeLessThan(1);
      }
    }
  });

  it('refuses invalid ranks', () => {
    for (const rank of [0, -1, 1.5, 102, Number.NaN]) expect(() => calibrateRank(rank, 100)).toThrow(RangeError);
    for (const replies of [0, 0.5, Number.NaN]) expect(() => calibrateRank(1, replies)).toThrow(RangeError);
  });
});

describe('dilute', () => {
  it('keeps an e-value valid', () => {
    expect(dilute(20, 0.1)).toBeCloseTo(2.9, 12);
    expect(dilute(1, 0.3)).toBe(1);
    expect(dilute(0, 1)).toBe(0);
  });
});
