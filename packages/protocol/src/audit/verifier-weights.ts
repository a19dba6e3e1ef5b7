import { equalBytes } from '../base/bytes.ts';
import {
  type DriftQuery,
  type DriftTable,
  findDriftRow,
  listClassNames,
  QUANTILES,
} from '../modality/text/drift/drift-table.ts';
import { REPLY_SCORES } from '../modality/text/stage2/reply-scores.ts';
import { isExactClass } from '../tier/exact-class.ts';
import { repeatsClass } from '../tier/lane-class.ts';

type Widths = Pick<DriftTable, 'families' | 'rows'>;

/**
 * The largest weight, for the sharpest classes. So every verifier's chance stays between a quarter and four times that of an
 * even draw.
 */
const SHARPEST = 4n;
const SHARP = 2n;
const OTHERS = 1n;
/**
 * The limit for a weight above 1, ln like the scores. A class may see an honest reply at most this much farther off than the
 * sharpest class does.
 */
const SHARPEST_WITHIN = Math.LN2;
const SHARP_WITHIN = 2 * Math.LN2;
const MEAN = REPLY_SCORES.indexOf('sketch-mean');
const MEDIAN = QUANTILES.indexOf(0.5);

/**
 * Computes the chances of verifiers in the draw for a reply, in proportion. They follow from how sharply a verifier's class
 * sees the class that the reply declares. So a provider that declares a loose class is mostly audited by verifiers that see it
 * sharply. Every verifier keeps a chance, so nobody can predict the verifier and no single class does all audits. Equality is
 * sharper than any score.
 * @param reply with at least 1 position.
 * @param verifiers the classes that the candidates announce.
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

/** Returns the honest median of the sketch's distance, ln; undefined without a measurement. */
function measureWidth(table: Widths, query: DriftQuery): number | undefined {
  const { modelRoot, providerClass, verifierClass } = query;
  const found = findDriftRow(table, query);
  if (found.kind === 'class' || found.kind === 'family') return found.row.scores[MEAN]?.value[MEDIAN];
  if (!repeatsClass(verifierClass, providerClass) || !isExactClass(providerClass)) return undefined;
  // An exact class has no row with itself. A class without measurements may be made up, with verifiers to match.
  const names = listClassNames(table, providerClass);
  const own = table.rows.filter((row) => equalBytes(row.modelRoot, modelRoot) && names.includes(row.providerClass));
  const isExact = own.length > 0 && !own.some((row) => names.includes(row.verifierClass));
  return isExact ? Number.NEGATIVE_INFINITY : undefined;
}
