import { describe, expect, it } from 'vitest';
import { advanceCoinTest, type CoinTest, INITIAL_COIN_TEST, readCoinTest } from './coin-test.ts';

const toss = (coins: readonly boolean[], chance?: number): CoinTest =>
  coins.reduce((test, isHeads) => advanceCoinTest(test, isHeads, chance), INITIAL_COIN_TEST);
const COINS = 12;
const sequences = Array.from({ length: 2 ** COINS }, (_, bits) =>
  Array.from({ length: COINS }, (_, i) => ((bits >> i) & 1) === 1),
);

describe('the coin test', () => {
  it('expects 1 of fair coins, and less of coins that prefer tails', () => {
    for (const chance of [0.5, 0.4, 0.1]) {
      const expected = sequences.reduce((sum, coins) => {
        const heads = coins.filter(Boolean).length;
        return sum + chance ** heads * (1 - chance) ** (COINS - heads) * readCoinTest(toss(coins));
      }, 0);
      if (chance === 0.5) expect(expected).toBeCloseTo(1, 9);
      else expect(expected).toBeLessThan(1);
    }
  });

  it.each([0.05, 0.25, 0.75])(
    'against a chance of %s expects 1 of coins with that chance, and less below it',
    (hypothesis) => {
      const meanOf = (chance: number): number =>
        sequences.reduce((sum, coins) => {
          const heads = coins.filter(Boolean).length;
          return sum + chance ** heads * (1 - chance) ** (COINS - heads) * readCoinTest(toss(coins, hypothesis));
        }, 0);
      expect(meanOf(hypothesis)).toBeCloseTo(1, 6);
      expect(meanOf(hypothesis * 0.8)).toBeLessThan(1);
      expect(meanOf(Math.min(1, hypothesis * 1.3))).toBeGreaterThan(1);
    },
  );

  it('reaches 20 in at most a twentieth of the sequences of fair coins', () => {
    const reached = sequences.filter((coins) => {
      let test = INITIAL_COIN_TEST;
      return coins.some((isHeads) => {
        test = advanceCoinTest(test, isHeads);
        return readCoinTest(test) >= 20;
      });
    });
    expect(reached.length / sequences.length).toBeLessThanOrEqual(1 / 20);
    expect(reached.length).toBeGreaterThan(0);
  });

  it('grows if heads are more frequent, and falls if tails are', () => {
    const often = Array.from({ length: 200 }, (_, i) => i % 4 !== 0);
    expect(readCoinTest(toss(often))).toBeGreaterThan(1e6);
    expect(readCoinTest(toss(often.map((isHeads) => !isHeads)))).toBeLessThan(1e-3);
    expect(readCoinTest(toss(Array.from({ length: 14 }, () => true)))).toBeGreaterThan(2000);
  });
});
