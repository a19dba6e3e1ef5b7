import type { AimOutcome, Share } from '../results.ts';

/** Of a share that should be `least` or more. */
export const judgeShare = ({ low, high, of }: Share, least: number): AimOutcome =>
  of === 0 ? 'undecided' : low >= least ? 'met' : high < least ? 'missed' : 'undecided';

/** Of an aim that every one of these has to meet: one that misses it decides. */
export const judgeAll = (outcomes: readonly AimOutcome[]): AimOutcome =>
  outcomes.includes('missed')
    ? 'missed'
    : outcomes.length === 0 || outcomes.includes('undecided')
      ? 'undecided'
      : 'met';

/**
 * Of tokens until something is decided, which should be `most` or fewer.
 * @param sampled tokens that the sample could have decided it by: fewer than `most` leave the aim open.
 */
export const judgeTokens = (tokens: number | undefined, sampled: number, most: number): AimOutcome =>
  tokens !== undefined && tokens <= most ? 'met' : tokens === undefined && sampled < most ? 'undecided' : 'missed';
