import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../base/seeded-random.ts';
import { computeTickets, MAX_COMMITTEE_MEMBERS, MAX_TICKETS } from './tickets.ts';

/** Finds the most tickets of any coalition with at most 1 / `parts` of the stake, by trying all coalitions. */
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

/** Finds the same for any number of validators, with the least stake for each number of tickets. */
function findStrongestOfMany(stakes: readonly bigint[], tickets: readonly number[], parts: bigint): number {
  const all = stakes.reduce((sum, stake) => sum + stake, 0n);
  let least = new Map<number, bigint>([[0, 0n]]);
  for (const [i, stake] of stakes.entries()) {
    const next = new Map(least);
    for (const [count, before] of least) {
      const [more, sum] = [count + tickets[i]!, before + stake];
      if (parts * sum <= all && sum < (next.get(more) ?? all + 1n)) next.set(more, sum);
    }
    least = next;
  }
  return Math.max(...least.keys());
}

const SEED = 20_261_124;

describe(`tickets, seed ${SEED}`, () => {
  const random = createSeededRandom(SEED);
  const uniform = (): bigint => BigInt(1 + Math.floor(random() * 1_000));
  /** Pareto with a tail exponent of 1.16: a fifth of the validators has four fifths of the stake. */
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
      expect(total).toBeLessThanOrEqual(9 * stakes.length + 1);
    }
  });

  /** Whole bonds from the least one up to a hundred thousand times that. */
  const spread = (): bigint => BigInt(Math.floor(10 ** (5 * random())));
  const nearlyEqual = (): bigint => BigInt(10 + Math.floor(random() * 4));

  it.each([
    ['uniform', uniform],
    ['Pareto', pareto],
    ['widely spread', spread],
    ['nearly equal', nearlyEqual],
  ] as const)(
    'gives each of 4 to 100 validators a ticket, and a quarter neither a signature nor a halt: %s draws',
    (_, draw) => {
      for (const count of [4, 5, 6, 7, 9, 16, 33, 64, 100]) {
        const stakes = Array.from({ length: count }, draw);
        const { tickets, total, threshold } = computeTickets(stakes);
        const strongest = findStrongestOfMany(stakes, tickets, 4n);
        const said = `${stakes}`;
        expect(Math.min(...tickets), said).toBeGreaterThanOrEqual(1);
        expect(strongest, said).toBeLessThan(threshold);
        expect(total - strongest, said).toBeGreaterThanOrEqual(threshold);
        expect(findStrongestOfMany(stakes, tickets, 2n), said).toBeLessThan(threshold);
        expect(total, said).toBeLessThanOrEqual(9 * count + 1);
        for (const [i, stake] of stakes.entries()) {
          for (const [j, other] of stakes.entries())
            if (stake >= other && tickets[i]! < tickets[j]!) throw new Error(said);
        }
      }
    },
  );

  it('finds coalitions of many as it finds those of few', () => {
    const stakes = Array.from({ length: 10 }, pareto);
    const { tickets } = computeTickets(stakes);
    for (const parts of [2n, 4n])
      expect(findStrongestOfMany(stakes, tickets, parts)).toBe(findStrongest(stakes, tickets, parts));
  });

  it('gives a few validators of almost the same stake one each, so that any with less than a quarter may be away', () => {
    expect(computeTickets([10n, 11n, 12n, 13n])).toEqual({ tickets: [1, 1, 1, 1], total: 4, threshold: 3 });
    // The fewest tickets by rounding alone. Each of the last two validators would be needed for every epoch.
    const rounded = [0, 0, 1, 1];
    expect(2 - findStrongest([10n, 11n, 12n, 13n], rounded, 3n)).toBeLessThan(2);
  });

  it('does not let a crowd with the least bond outvote its stake', () => {
    const stakes = [1_000_000n, ...new Array<bigint>(99).fill(1n)];
    const { tickets, total } = computeTickets(stakes);
    expect(tickets.slice(1)).toEqual(new Array<number>(99).fill(1));
    expect(3 * 99).toBeLessThan(total);
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
      const { total } = computeTickets(Array.from({ length: MAX_COMMITTEE_MEMBERS }, pareto));
      expect(total).toBeLessThanOrEqual(MAX_TICKETS);
    }
  });

  it('refuses stakes of zero, and too many validators', () => {
    expect(() => computeTickets([])).toThrow(RangeError);
    expect(() => computeTickets([0n, 0n])).toThrow(RangeError);
    expect(() => computeTickets([5n, -1n])).toThrow(RangeError);
    expect(() => computeTickets(new Array<bigint>(MAX_COMMITTEE_MEMBERS + 1).fill(1n))).toThrow(RangeError);
  });

  it('gives more than one each if single tickets would give a quarter of the stake a third', () => {
    const stakes = [40n, 20n, 20n, 10n, 5n, 5n];
    const plain = [1, 1, 1, 1, 1, 1];
    // One fifth of the stake has half of these tickets.
    expect(3 * findStrongest(stakes, plain, 4n)).toBeGreaterThanOrEqual(6);
    expect(computeTickets(stakes).total).toBeGreaterThan(6);
  });

  it('lets no validator with half of the stake make the beacon alone', () => {
    const stakes = [50n, 20n, 10n, 10n, 5n, 3n, 1n, 1n];
    const { tickets, threshold } = computeTickets(stakes);
    expect(tickets[0]).toBeLessThan(threshold);
  });
});
