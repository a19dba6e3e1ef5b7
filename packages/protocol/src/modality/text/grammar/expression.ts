/** Code points from the first to the last, both included. */
export type CodePointRange = readonly [first: number, last: number];

/** One side of a rule. */
export type Expression =
  | { readonly kind: 'literal'; readonly text: string }
  /** One character of these ranges, which are ascending and separate. */
  | { readonly kind: 'class'; readonly ranges: readonly CodePointRange[] }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly body: Expression; readonly min: number; readonly max: number };

/** Rules by name. */
export type Rules = ReadonlyMap<string, Expression>;

export const LAST_CODE_POINT = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

/** Sorts ranges, joins adjacent ones, and removes surrogates, which are no characters. */
export function normaliseRanges(ranges: readonly CodePointRange[]): CodePointRange[] {
  const joined: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined.flatMap(([first, last]): CodePointRange[] => {
    const below: CodePointRange = [first, Math.min(last, FIRST_SURROGATE - 1)];
    const above: CodePointRange = [Math.max(first, LAST_SURROGATE + 1), last];
    return [below, above].filter(([from, to]) => from <= to);
  });
}

/** Returns all characters outside the ranges. @param ranges normalised. */
export function invertRanges(ranges: readonly CodePointRange[]): CodePointRange[] {
  const inverted: CodePointRange[] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) inverted.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST_CODE_POINT) inverted.push([next, LAST_CODE_POINT]);
  return normaliseRanges(inverted);
}
