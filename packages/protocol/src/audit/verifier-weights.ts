import { equalBytes } from '../base/bytes.ts';
import { type DriftQuery, type DriftTable, findDriftRow, QUANTILES } from '../modality/text/drift/drift-table.ts';
import { REPLY_SCORES } from '../modality/text/stage2/reply-scores.ts';

type Widths = Pick<DriftTable, 'families' | 'rows'>;

/**
 * Weights, from the sharpest classes down. So every verifier's chance stays between a quarter and four times that of an even
 * draw.
 */
const SHARPEST = 4n;
const SHARP = 2n;
const OTHERS = 1n;
/**
 * A class gets a weight if it sees an honest reply at most so many times as far off as the sharpest class does; ln, like the
 * scores.
 */
const SHARPEST_WITHIN = Math.LN2;
const SHARP_WITHIN = 2 * Math.LN2;
const MEAN = REPLY_SCORES.indexOf('sketch-mean');
const MEDIAN = QUANTILES.indexOf(0.5);

/**
 * Chances of verifiers in the draw for a reply, in proportion, by how sharply their classes see the class that it declares:
 * a provider that declares a loose class is mostly audited by verifiers whose class sees that class sharply. Every verifier
 * keeps a chance, so that nobody can predict it, and no single class does all audits. Equality is sharper than any score.
 * @param reply its positions at least 1.
 * @param verifiers the classes that those who may be drawn say they compute in.
 * @returns one weight per verifier, in order: 4, 2 or 1 (docs/spec/audit-selection.md).
 */
export function computeClassWeights(
  table: Widths,
  reply: Omit<DriftQuery, 'verifierClass'>,
  verifiers: readonly string[],
): readonly bigint[] {
  const known = new Map<string, number | undefined>();
  const widths = verifiers.map((verifierClass) => {
    if (!known.has(verifierClass)) known.set(verifierClass, measureWidth(table, { ...reply, verifierClass }));
    return known.get(verifierClass);
  });
  const sharpest = Math.min(...widths.filter((width) => width !== undefined));
  return widths.map((width) => {
    if (width === undefined) return OTHERS;
    if (width === sharpest || width <= sharpest + SHARPEST_WITHIN) return SHARPEST;
    return width <= sharpest + SHARP_WITHIN ? SHARP : OTHERS;
  });
}

/** @returns the honest median of the sketch's distance, ln; undefined where nobody measured it. */
function measureWidth(table: Widths, query: DriftQuery): number | undefined {
  const { modelRoot, providerClass, verifierClass } = query;
  const found = findDriftRow(table, query);
  if (found.kind === 'class' || found.kind === 'family') return found.row.scores[MEAN]?.value[MEDIAN];
  if (verifierClass !== providerClass) return undefined;
  // An exact class has no row with itself. One that nobody measured may be made up, with verifiers to match.
  const names = [providerClass, table.families.find((entry) => entry.numericClass === providerClass)?.family];
  const own = table.rows.filter((row) => equalBytes(row.modelRoot, modelRoot) && names.includes(row.providerClass));
  const isExact = own.length > 0 && !own.some((row) => names.includes(row.verifierClass));
  return isExact ? Number.NEGATIVE_INFINITY : undefined;
}
