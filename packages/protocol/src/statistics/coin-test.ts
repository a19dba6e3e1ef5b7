/**
 * An e-process against "each coin shows heads with a chance of at most `chance`, whatever came before". It is the mean of
 * several bettors that each stake a fixed share of their wealth on heads. Under that hypothesis it is a nonnegative
 * supermartingale that starts at 1. So it ever reaches 1 / level with a chance of at most `level` (Ville), at any stopping
 * time.
 * Source: Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting", section 4.
 */
export interface CoinTest {
  /** Wealth of each bettor, in the order of STAKES. */
  readonly wealth: readonly number[];
}

/**
 * Shares that bettors stake. Small stakes gain from coins that are nearly fair, large ones from coins that always show heads.
 */
const STAKES: readonly number[] = [1 / 8, 3 / 8, 5 / 8, 15 / 16];

export const INITIAL_COIN_TEST: CoinTest = { wealth: STAKES.map(() => 1) };

/**
 * Advances the test by one coin. @param chance of heads under the hypothesis, above 0 and below 1; a bet that wins pays (1 -
 * chance) / chance times the stake.
 */
export function advanceCoinTest({ wealth }: CoinTest, isHeads: boolean, chance = 0.5): CoinTest {
  const pays = (1 - chance) / chance;
  return {
    wealth: wealth.map((each, i) => each * (isHeads ? 1 + (STAKES[i] as number) * pays : 1 - (STAKES[i] as number))),
  };
}

/** Returns the present e-value. */
export const readCoinTest = ({ wealth }: CoinTest): number =>
  wealth.reduce((sum, each) => sum + each, 0) / wealth.length;
