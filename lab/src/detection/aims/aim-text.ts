import type { Share } from '../results.ts';

/** A share with its interval and its sample size. */
export const formatShare = ({ value, low, high, of }: Share): string =>
  `${formatPercent(value)} (${formatPercent(low)} to ${formatPercent(high)}, n ${of})`;

export const formatPercent = (value: number): string => `${Number((100 * value).toPrecision(4))} %`;
