/** The part of a numeric class whose sums over the vocabulary run in lanes (docs/spec/lanes.md). */
const LANES = /\/lanes(?=(?:\/unproven)?$)/;

/** Returns whether sums over the vocabulary run in lanes in a class. */
export const hasLanes = (numericClass: string): boolean => LANES.test(numericClass);

/** Returns the class of the same logits whose sums run in ascending order. */
export const withoutLanes = (numericClass: string): string => numericClass.replace(LANES, '');

/**
 * Returns whether a verifier of a class runs replies of another class again to the bit, if that is exact. One that sums in lanes also
 * sums in ascending order. The reverse holds for newer verifiers only, so nobody relies on it.
 */
export const repeatsClass = (verifierClass: string, servedClass: string): boolean =>
  verifierClass === servedClass || withoutLanes(verifierClass) === servedClass;

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
