import { type DriftRowKey, type DriftTable, QUANTILES } from '@ogong/protocol/modality/text/drift/drift-table';
import { REPLY_SCORES } from '@ogong/protocol/modality/text/stage2/reply-scores';

/** The width of a row: the median of `sketch-mean`. */
export interface Width extends DriftRowKey {
  /** ln of a distance. */
  readonly median: number;
  /** Default: any length. */
  readonly context?: number;
}

/** A table with these widths, for tests of the draw of verifiers. */
export function createWidthTable(
  widths: readonly Width[],
  families: DriftTable['families'] = [],
): Pick<DriftTable, 'families' | 'rows'> {
  const rows = widths.map(({ median, context = 2 ** 32 - 1, ...key }) => {
    const value = QUANTILES.map((quantile) => median + quantile - 0.5);
    return { ...key, context, scores: REPLY_SCORES.map(() => ({ value, low: value, high: value })) };
  });
  return { families, rows: rows as unknown as DriftTable['rows'] };
}
