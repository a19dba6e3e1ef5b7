import { type DriftRowKey, type DriftTable, QUANTILES } from './drift-table.ts';
import { REPLY_SCORES } from './reply-scores.ts';

/** A row of which only the median of `sketch-mean` matters. */
export interface Width extends DriftRowKey {
  /** ln of a distance. */
  readonly median: number;
}

/** A table of nothing but widths, for tests of who is drawn. */
export function createWidthTable(
  widths: readonly Width[],
  families: DriftTable['families'] = [],
): Pick<DriftTable, 'families' | 'rows'> {
  const rows = widths.map(({ median, ...key }) => {
    const value = QUANTILES.map((quantile) => median + quantile - 0.5);
    return { ...key, scores: REPLY_SCORES.map(() => ({ value, low: value, high: value })) };
  });
  return { families, rows: rows as unknown as DriftTable['rows'] };
}
