import type { CodePointRange } from '../expression.ts';

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
  const characters = Array.from(text, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : /^[\x20-\x7e]$/.test(character) || (character.codePointAt(0) as number) > 0x9f
        ? character
        : toHex(character.codePointAt(0) as number),
  );
  return `"${characters.join('')}"`;
}

/** Quotes ranges of characters as a class of a grammar. */
export function quoteClass(ranges: readonly CodePointRange[]): string {
  const show = (codePoint: number): string => (isPlain(codePoint) ? String.fromCodePoint(codePoint) : toHex(codePoint));
  return `[${ranges.map(([first, last]) => (first === last ? show(first) : `${show(first)}-${show(last)}`)).join('')}]`;
}

/** The deepest group. Deeper ones would come near the limit of a grammar. */
const MAX_SHARED = 24;

/** Quotes one of several texts. Texts with equal beginnings share them, so that few continuations are open at once. */
export function quoteOptions(texts: readonly string[], depth = 0): string {
  const distinct = [...new Set(texts)];
  if (distinct.length === 1) return quote(distinct[0] as string);
  const groups = Map.groupBy(distinct, (text) => Array.from(text.slice(0, 2))[0] ?? '');
  const options = [...groups].flatMap(([, group]) => {
    if (group.length === 1 || depth >= MAX_SHARED) return group.map(quote);
    const shared = findSharedBeginning(group);
    return [
      `${quote(shared)} ${quoteOptions(
        group.map((text) => text.slice(shared.length)),
        depth + 1,
      )}`,
    ];
  });
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}

function findSharedBeginning([first = '', ...others]: readonly string[]): string {
  let shared = '';
  for (const character of first) {
    if (!others.every((text) => text.startsWith(shared + character))) break;
    shared += character;
  }
  return shared;
}
