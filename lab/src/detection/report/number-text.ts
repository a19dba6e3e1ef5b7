import type { Share } from '../results.ts';

/**
 * Formats a share as per cent with at least one decimal. It shows the first digit of the difference to 100 and two digits of the
 * share. So 99.996 % is never written as 100 %.
 * @param share in [0, 1]; only exactly 0 and 1 are written as 0 and 100.
 * @throws RangeError otherwise.
 */
export function formatPercent(share: number): string {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`a share of ${share}`);
  if (share === 0 || share === 1) return String(share * 100);
  const smallerSide = Math.min(share, 1 - share) * 100;
  const digits = share < 0.5 ? 2 : 1;
  const decimals = Math.min(Math.max(1, digits - 1 - Math.floor(Math.log10(smallerSide))), MOST_DECIMALS);
  const unit = 10 ** -decimals;
  return dropZeros(Math.min(Math.max(share * 100, unit), 100 - unit).toFixed(decimals));
}

const MOST_DECIMALS = 6;

/** A share as a fraction of one, with the digits of its percentage. */
export const formatFraction = (share: number): string =>
  dropZeros((Number(formatPercent(share)) / 100).toFixed(MOST_DECIMALS + 2));

/** `99.6 % (98.2..99.9)`. */
export function formatShare({ value, low, high, of }: Share): string {
  if (of === 0) return 'none seen';
  return `${formatPercent(value)} % (${formatPercent(low)}..${formatPercent(high)})`;
}

/** Three significant digits; whole numbers from 100 on with commas between thousands. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`a figure of ${value}`);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4) return value.toExponential(1).replace('.0e', 'e');
  if (size >= 99.95) return formatCount(Math.round(value));
  return dropZeros(value.toPrecision(3));
}

export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A rate; a power of ten is written as `1e-3`. */
export function formatRate(rate: number): string {
  return rate < 0.01 ? rate.toExponential().replace('e+', 'e') : String(rate);
}

const dropZeros = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
