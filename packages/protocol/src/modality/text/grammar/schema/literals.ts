import type { CodePointRange } from '../expression.ts';
import type { WorkBudget } from '../work-budget.ts';

const toHex = (codePoint: number): string => {
  const digits = codePoint.toString(16).toUpperCase();
  return codePoint < 0x100
    ? `\\x${digits.padStart(2, '0')}`
    : codePoint < 0x10000
      ? `\\u${digits.padStart(4, '0')}`
      : `\\U${digits.padStart(8, '0')}`;
};

/**
 * Returns whether a character is written unchanged. All printable ASCII characters are, except these; others are written as
 * numbers.
 */
const isPlain = (codePoint: number): boolean =>
  codePoint >= 0x20 && codePoint < 0x7f && !'"\\[]^-'.includes(String.fromCodePoint(codePoint));

/** Quotes a text as a literal of a grammar. */
export function quote(text: string): string {
  const write = (character: string): string =>
    character === '"' || character === '\\' ? `\\${character}` : toHex(character.codePointAt(0) as number);
  return `"${text.replace(/["\\]|[^\x20-\x7e\xa0-\u{10ffff}]/gu, write)}"`;
}

/** Quotes ranges of characters as a class of a grammar. */
export function quoteClass(ranges: readonly CodePointRange[]): string {
  const show = (codePoint: number): string => (isPlain(codePoint) ? String.fromCodePoint(codePoint) : toHex(codePoint));
  return `[${ranges.map(([first, last]) => (first === last ? show(first) : `${show(first)}-${show(last)}`)).join('')}]`;
}

/** The deepest group. Deeper ones would come near the limit of a grammar. */
const MAX_SHARED = 24;

/**
 * Quotes one of several texts. Texts with equal beginnings share them, so that few continuations are open at once.
 * @throws GrammarError('too-costly') if the texts of all levels exceed the budget.
 */
export function quoteOptions(texts: readonly string[], budget: Pick<WorkBudget, 'charge'>, depth = 0): string {
  budget.charge(texts.reduce((sum, { length }) => sum + length + 1, 0));
  const distinct = [...new Set(texts)];
  if (distinct.length === 1) return quote(distinct[0] as string);
  const groups = Map.groupBy(distinct, firstCharacter);
  const options: string[] = [];
  for (const group of groups.values()) {
    if (group.length === 1 || depth >= MAX_SHARED) {
      for (const text of group) options.push(quote(text));
      continue;
    }
    const shared = findSharedBeginning(group);
    const rests = group.map((text) => text.slice(shared.length));
    options.push(`${quote(shared)} ${quoteOptions(rests, budget, depth + 1)}`);
  }
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}

/** Returns the first character of a text, or the empty text. */
export function firstCharacter(text: string): string {
  const codePoint = text.codePointAt(0);
  return codePoint === undefined ? '' : String.fromCodePoint(codePoint);
}

/** Finds the longest beginning of whole characters that all texts have. */
function findSharedBeginning([first = '', ...others]: readonly string[]): string {
  let length = first.length;
  for (const text of others) {
    let same = 0;
    while (same < length && text.charCodeAt(same) === first.charCodeAt(same)) same++;
    length = same;
  }
  const isWithinPair = length > 0 && length < first.length && (first.codePointAt(length - 1) as number) > 0xffff;
  return first.slice(0, isWithinPair ? length - 1 : length);
}
