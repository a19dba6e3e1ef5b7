/** Least, median and largest of measured values. */
export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** @returns undefined for an empty list. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const [least] = sorted;
  if (least === undefined) return undefined;
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] as number;
  return { least, median: at(0.5), most: at(1) };
}

export const formatCount = (count: number, of: number): string => `${count} of ${of}`;

export const formatNumber = (value: number): string => (value === 0 ? '0' : value.toExponential(1));

export function formatSpread(measured: Spread | undefined): string {
  if (measured === undefined) return '-';
  const { least, median, most } = measured;
  return least === most ? formatNumber(most) : [least, median, most].map(formatNumber).join(' / ');
}

export const listDistinct = (ids: readonly string[]): string[] => [...new Set(ids)].sort();
