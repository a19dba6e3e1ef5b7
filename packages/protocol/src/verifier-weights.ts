import { type DriftTable, findDriftRow, QUANTILES } from './drift-table.ts';
import { REPLY_SCORES } from './reply-scores.ts';

/** One who may be drawn, by the class that it says it computes in. */
export interface VerifierClass {
  readonly numericClass: string;
  /** How that class stores the model's weights; undefined where its name does not say. */
  readonly weights: string | undefined;
}

type Widths = Pick<DriftTable, 'families' | 'rows'>;

/** From the sharpest down; no verifier's chances fall below a quarter of an even draw's, or rise above four times them. */
const SHARPEST = 4n;
const SHARP = 2n;
const OTHERS = 1n;
/** How many times as far as the sharpest class others see an honest reply, at most; ln, like the scores. */
const SHARPEST_WITHIN = Math.LN2;
const SHARP_WITHIN = 2 * Math.LN2;
const MEAN = REPLY_SCORES.indexOf('sketch-mean');
const MEDIAN = QUANTILES.indexOf(0.5);

/**
 * Chances of verifiers in the draw for a reply, in proportion, by how sharply their classes see the class that it declares:
 * whoever declares a loose class is met most often where that class is seen tight. Every verifier keeps a chance, so that
 * nobody knows who comes, and no single class audits all. Equality is sharper than any score.
 * @param positions of the reply, >= 1.
 * @returns one weight per verifier, in order: 4, 2 or 1 (docs/spec/audit-selection.md).
 */
export function computeClassWeights(
  table: Widths,
  reply: { readonly providerClass: string; readonly positions: number },
  verifiers: readonly VerifierClass[],
): readonly bigint[] {
  const known = new Map<string, number | undefined>();
  const widths = verifiers.map((verifier) => {
    const key = JSON.stringify([verifier.numericClass, verifier.weights]);
    if (!known.has(key)) known.set(key, measureWidth(table, reply, verifier));
    return known.get(key);
  });
  const sharpest = Math.min(...widths.filter((width) => width !== undefined));
  return widths.map((width) => {
    if (width === undefined) return OTHERS;
    if (width === sharpest || width <= sharpest + SHARPEST_WITHIN) return SHARPEST;
    return width <= sharpest + SHARP_WITHIN ? SHARP : OTHERS;
  });
}

/** @returns the honest median of the sketch's distance, ln; undefined where nobody measured it. */
function measureWidth(
  table: Widths,
  { providerClass, positions }: { readonly providerClass: string; readonly positions: number },
  { numericClass, weights }: VerifierClass,
): number | undefined {
  if (weights === undefined) return undefined;
  const query = { providerClass, verifierClass: numericClass, weights, positions };
  const found = findDriftRow(table, query);
  if (found.kind === 'class' || found.kind === 'family') return found.row.scores[MEAN]?.value[MEDIAN];
  if (numericClass !== providerClass) return undefined;
  // An exact class has no row with itself. One that nobody measured may be made up, with verifiers to match.
  const names = [providerClass, table.families.find((entry) => entry.numericClass === providerClass)?.family];
  const own = table.rows.filter((row) => row.weights === weights && names.includes(row.providerClass));
  const isExact = own.length > 0 && !own.some((row) => names.includes(row.verifierClass));
  return isExact ? Number.NEGATIVE_INFINITY : undefined;
}
