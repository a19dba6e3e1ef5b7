import type { Share } from '../results.ts';

/** A share with its interval and its sample size. */
export const formatShare = ({ value, low, high, of }: Share): string =>
  `${formatAimShare(value)} (${formatAimShare(low)} to ${formatAimShare(high)}, n ${of})`;

export const formatAimShare = (value: number): string => `${Number((100 * value).toPrecision(4))} %`;
