/** The part of a numeric class whose sums over the vocabulary run in lanes (docs/spec/lanes.md). */
const LANES = /\/lanes(?=(?:\/unproven)?$)/;

/** Returns whether sums over the vocabulary run in lanes in a class. */
export const hasLanes = (numericClass: string): boolean => LANES.test(numericClass);

/** Returns the class of the same logits whose sums run in ascending order. */
export const withoutLanes = (numericClass: string): string => numericClass.replace(LANES, '');

/** A class, and whether a run in it reproduces bits. */
export interface RunClass {
  readonly numericClass: string;
  readonly exact: boolean;
}

/**
 * Names the class in which an engine runs a claim again. An engine of the claimed logits sums in both orders, so it runs in the
 * claimed one. Any other engine runs in its own class.
 */
export function nameRerunClass({ numericClass, exact }: RunClass, claimedClass: string): RunClass {
  const isOwn = withoutLanes(claimedClass) === withoutLanes(numericClass);
  return { numericClass: isOwn ? claimedClass : numericClass, exact: exact && isOwn };
}
