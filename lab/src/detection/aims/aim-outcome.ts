import type { AimOutcome, Share } from '../results.ts';

/** The outcome for a share that should be at least `least`. */
export const judgeShare = ({ low, high, of }: Share, least: number): AimOutcome =>
  of === 0 ? 'undecided' : low >= least ? 'met' : high < least ? 'missed' : 'undecided';

/** The outcome for an aim of several parts: it is met if all are met, and missed if one is missed. */
export const judgeAll = (outcomes: readonly AimOutcome[]): AimOutcome =>
  outcomes.includes('missed')
    ? 'missed'
    : outcomes.length === 0 || outcomes.includes('undecided')
      ? 'undecided'
      : 'met';

/**
 * The outcome for the tokens until a decision, which should be at most `most`.
 * @param sampled tokens in the sample. If these are fewer than `most`, a missing decision leaves the aim undecided.
 */
export const judgeTokens = (tokens: number | undefined, sampled: number, most: number): AimOutcome =>
  tokens !== undefined && tokens <= most ? 'met' : tokens === undefined && sampled < most ? 'undecided' : 'missed';
