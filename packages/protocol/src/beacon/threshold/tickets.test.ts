import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../base/seeded-random.ts';
import { computeTickets, MAX_SEATS, MAX_TICKETS } from './tickets.ts';

/** The most tickets of any coalition with one part in so many of the stake, or less, by trying all of them. */
function findStrongest(stakes: readonly bigint[], tickets: readonly number[], parts: bigint): number {
  const all = stakes.reduce((sum, stake) => sum + stake, 0n);
  let most = 0;
  for (let chosen = 0; chosen < 1 << stakes.length; chosen++) {
    let [stake, count] = [0n, 0];
    for (let i = 0; i < stakes.length; i++) {
      if ((chosen & (1 << i)) === 0) continue;
      stake += stakes[i]!;
      count += tickets[i]!;
    }
    if (parts * stake <= all && count > most) most = count;
  }
  return most;
}

const SEED = 20_261_124;

describe(`tickets, seed ${SEED}`, () => {
  const random = createSeededRandom(SEED);
  const uniform = (): bigint => BigInt(1 + Math.floor(random() * 1_000));
  /** Tail of 1.16: a fifth has four fifths. */
  const pareto = (): bigint => BigInt(Math.floor(1_000 / (1 - random()) ** (1 / 1.16)));

  it.each([
    ['uniform', uniform],
    ['Pareto', pareto],
  ] as const)('no coalition of a quarter has a third of the tickets: %s draws', (_, draw) => {
    for (let round = 0; round < 60; round++) {
      const stakes = Array.from({ length: 1 + Math.floor(random() * 12) }, draw);
      const { tickets, total, threshold } = computeTickets(stakes);
      const strongest = findStrongest(stakes, tickets, 4n);
      expect(3 * strongest, String(stakes)).toBeLessThan(total);
      expect(total - strongest, String(stakes)).toBeGreaterThanOrEqual(threshold);
      expect(findStrongest(stakes, tickets, 2n), String(stakes)).toBeLessThan(threshold);
      expect(total).toBeLessThanOrEqual(8 * stakes.length + 1);
    }
  });

  it('gives 128 validators of equal stake one each', () => {
    expect(computeTickets(new Array<bigint>(128).fill(5n))).toEqual({
      ...{ tickets: new Array<number>(128).fill(1), total: 128, threshold: 86 },
    });
  });

  it('gains nothing to split stake', () => {
    const whole = computeTickets([10n, 10n, 10n, 10n]);
    const split = computeTickets([10n, 10n, 10n, ...new Array<bigint>(10).fill(1n)]);
    const share = split.tickets.slice(3).reduce((sum, count) => sum + count, 0) / split.total;
    expect(share).toBeLessThan(1 / 3);
    expect(whole).toEqual({ tickets: [1, 1, 1, 1], total: 4, threshold: 3 });
  });

  it('stays within its bound for 128 Pareto draws', () => {
    for (let round = 0; round < 3; round++) {
      const { total } = computeTickets(Array.from({ length: MAX_SEATS }, pareto));
      expect(total).toBeLessThanOrEqual(MAX_TICKETS);
    }
  });

  it('has no tickets without stake, and none for too many', () => {
    expect(() => computeTickets([])).toThrow(RangeError);
    expect(() => computeTickets([0n, 0n])).toThrow(RangeError);
    expect(() => computeTickets([5n, -1n])).toThrow(RangeError);
    expect(() => computeTickets(new Array<bigint>(MAX_SEATS + 1).fill(1n))).toThrow(RangeError);
  });

  it('gives more than the plainest size, where rounding would give a quarter a third', () => {
    const stakes = [40n, 20n, 20n, 10n, 10n];
    const plain = [1, 1, 1, 0, 0];
    // One fifth of the stake has a third of these tickets.
    expect(3 * findStrongest(stakes, plain, 4n)).toBeGreaterThanOrEqual(3);
    expect(computeTickets(stakes).total).toBeGreaterThan(3);
  });

  it('leaves no beacon to one validator with half of the stake', () => {
    const stakes = [50n, 20n, 10n, 10n, 5n, 3n, 1n, 1n];
    const { tickets, threshold } = computeTickets(stakes);
    expect(tickets[0]).toBeLessThan(threshold);
  });
});
