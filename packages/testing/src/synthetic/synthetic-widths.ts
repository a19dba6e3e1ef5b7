import { type DriftRowKey, type DriftTable, QUANTILES } from '@ogong/protocol/modality/text/drift/drift-table';
import { REPLY_SCORES } from '@ogong/protocol/modality/text/stage2/reply-scores';

/** A row of which only the median of `sketch-mean` matters. */
export interface Width extends DriftRowKey {
  /** ln of a distance. */
  readonly median: number;
  /** Default: any length. */
  readonly context?: number;
}

/** A table of nothing but widths, for tests of who is drawn. */
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
