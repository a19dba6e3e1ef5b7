import { type CodePointRange, invertRanges, LAST_CODE_POINT, normaliseRanges } from '../expression.ts';
import { GrammarError } from '../grammar-error.ts';
import type { WorkBudget } from '../work-budget.ts';
import { quote, quoteClass } from './literals.ts';

/** The most characters of a pattern. */
const MAX_PATTERN = 4096;
const MAX_DEPTH = 24;
const MAX_COUNT = 4096;
const LINE_ENDS: readonly CodePointRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const DIGITS: readonly CodePointRange[] = [[0x30, 0x39]];
const WORD: readonly CodePointRange[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
/** All blanks of a regular expression, for the opposite class. */
const ALL_BLANKS: readonly CodePointRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const outside = (ranges: readonly CodePointRange[]): readonly CodePointRange[] => invertRanges(normaliseRanges(ranges));
const EVERY_CHARACTER = outside([]);
const ANY_CHARACTER = outside(LINE_ENDS);
const CLASSES: ReadonlyMap<string, readonly CodePointRange[]> = new Map([
  ['d', DIGITS],
  ['D', outside(DIGITS)],
  ['w', WORD],
  ['W', outside(WORD)],
  // Only blanks of ASCII, so fewer texts match than in a regular expression.
  [
    's',
    [
      [0x09, 0x0d],
      [0x20, 0x20],
    ],
  ],
  ['S', outside(ALL_BLANKS)],
]);
const ESCAPED: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };

/** Steps to parse a character, class or group, and to write the ranges of a member of a class. */
const STEPS_OF_ITEM = 32;

/** Characters that JSON writes with two characters. It writes all other control characters as numbers. */
const SHORT: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' };
const MUST_ESCAPE: readonly CodePointRange[] = [
  [0x00, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x7f, 0x7f],
];

const PLAIN = outside(MUST_ESCAPE);
/** Rules of ranges. They serve the fixed classes, which a pattern may name often. */
const written = new WeakMap<readonly CodePointRange[], string>();

/** Creates the rule of one character of these ranges within a JSON string. */
export function toJsonCharacter(ranges: readonly CodePointRange[]): string {
  const rule = written.get(ranges) ?? writeJsonCharacter(ranges);
  written.set(ranges, rule);
  return rule;
}

function writeJsonCharacter(ranges: readonly CodePointRange[]): string {
  const plain = intersect(ranges, PLAIN);
  const special = intersect(ranges, MUST_ESCAPE).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
  const escapes = special.map((codePoint) =>
    quote(`\\${SHORT[codePoint] ?? `u${codePoint.toString(16).padStart(4, '0')}`}`),
  );
  const options = [...(plain.length > 0 ? [quoteClass(plain)] : []), ...escapes];
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}

function intersect(some: readonly CodePointRange[], others: readonly CodePointRange[]): CodePointRange[] {
  return some.flatMap(([a, b]) =>
    others.flatMap(([c, d]): CodePointRange[] =>
      Math.max(a, c) <= Math.min(b, d) ? [[Math.max(a, c), Math.min(b, d)]] : [],
    ),
  );
}

/** A part of a regular expression, with its rule for the inside of a JSON string. */
export type PatternPart = {
  readonly rule: string;
  /** Lengths of its texts, in characters. */
  readonly shortest: number;
  readonly longest: number;
} & (
  | { readonly kind: 'class'; readonly ranges: readonly CodePointRange[] }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly PatternPart[] }
  | { readonly kind: 'repeat'; readonly body: PatternPart; readonly min: number; readonly max: number }
);

const oneCharacter = (ranges: readonly CodePointRange[], rule = toJsonCharacter(ranges)): PatternPart => ({
  ...{ kind: 'class', rule, ranges, shortest: 1, longest: 1 },
});

function joinParts(parts: readonly PatternPart[]): PatternPart {
  const [shortest, longest] = (['shortest', 'longest'] as const).map((end) =>
    parts.reduce((sum, part) => sum + part[end], 0),
  ) as [number, number];
  const rule = parts.length === 0 ? '""' : parts.map((part) => part.rule).join(' ');
  return { kind: 'sequence', rule, parts, shortest, longest };
}

function chooseParts(parts: readonly [PatternPart, ...PatternPart[]]): PatternPart {
  if (parts.length === 1) return parts[0];
  const shortest = parts.reduce((least, part) => Math.min(least, part.shortest), Number.POSITIVE_INFINITY);
  const longest = parts.reduce((most, part) => Math.max(most, part.longest), 0);
  return { kind: 'choice', rule: `(${parts.map(({ rule }) => rule).join(' | ')})`, parts, shortest, longest };
}

function repeatPart(body: PatternPart, repeat: string, min: number, max: number): PatternPart {
  const longest = body.longest === 0 || max === 0 ? 0 : body.longest * max;
  return { kind: 'repeat', rule: body.rule + repeat, body, min, max, shortest: body.shortest * min, longest };
}

/**
 * Parses a regular expression to rules for the inside of a JSON string. @param anyCharacter rule of any character, for an end that is
 * not fixed.
 * @throws GrammarError naming the part that cannot be expressed.
 */
export function readPattern(
  pattern: string,
  anyCharacter: string,
  { charge }: Pick<WorkBudget, 'charge'>,
): PatternPart {
  const anything = repeatPart(oneCharacter(EVERY_CHARACTER, anyCharacter), '*', 0, Number.POSITIVE_INFINITY);
  if (pattern.length > MAX_PATTERN)
    throw new GrammarError('unsupported-schema', `pattern has more than ${MAX_PATTERN} characters`);
  charge(pattern.length);
  const characters = Array.from(pattern);
  let at = 0;
  const problem = (what: string): GrammarError =>
    new GrammarError('unsupported-schema', `pattern ${JSON.stringify(pattern.slice(0, 80))}: ${what}`);
  const takeIf = (character: string): boolean => {
    if (characters[at] !== character) return false;
    at++;
    return true;
  };

  const parseChoice = (depth: number): PatternPart => {
    if (depth > MAX_DEPTH) throw problem(`groups stand in each other deeper than ${MAX_DEPTH}`);
    const options: [PatternPart, ...PatternPart[]] = [parseSequence(depth)];
    while (takeIf('|')) options.push(parseSequence(depth));
    for (const { rule } of options) charge(rule.length + 3);
    return chooseParts(options);
  };

  const parseSequence = (depth: number): PatternPart => {
    const items: PatternPart[] = [];
    // Only a whole pattern, or one of its alternatives, can be anchored at the ends of the text.
    const isTop = depth === 0;
    if (isTop && !takeIf('^')) items.push(anything);
    let isEnded = false;
    while (at < characters.length && characters[at] !== '|' && characters[at] !== ')') {
      if (isTop && takeIf('$')) {
        isEnded = true;
        if (at < characters.length && characters[at] !== '|') throw problem('$ stands in its middle');
        break;
      }
      const item = parseRepeat(parseItem(depth));
      charge(item.rule.length + 1);
      items.push(item);
    }
    if (isTop && characters[at] === ')') throw problem('a ) has no (');
    if (isTop && !isEnded) items.push(anything);
    return joinParts(items);
  };

  const parseItem = (depth: number): PatternPart => {
    charge(STEPS_OF_ITEM);
    const character = characters[at++] as string;
    if (character === '(') {
      if (takeIf('?') && !takeIf(':'))
        throw problem('groups that look ahead or behind, or have names, cannot be expressed');
      const inside = parseChoice(depth + 1);
      if (!takeIf(')')) throw problem('a ( has no )');
      return { ...inside, rule: `(${inside.rule})` };
    }
    if (character === '[') return oneCharacter(parseClass());
    if (character === '.') return oneCharacter(ANY_CHARACTER);
    if (character === '\\') return oneCharacter(parseEscape());
    if ('^$*+?{}]'.includes(character)) throw problem(`${character} cannot stand at ${at}`);
    const codePoint = character.codePointAt(0) as number;
    return oneCharacter([[codePoint, codePoint]]);
  };

  const parseEscape = (): readonly CodePointRange[] => {
    const code = characters[at++];
    if (code === undefined) throw problem('it ends with a backslash');
    const known = CLASSES.get(code);
    if (known !== undefined) return known;
    const control = ESCAPED[code];
    if (control !== undefined) return [[control, control]];
    const length = code === 'x' ? 2 : code === 'u' ? 4 : 0;
    if (length > 0) {
      const hex = characters.slice(at, at + length).join('');
      const codePoint = Number.parseInt(hex, 16);
      if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length !== length || (codePoint >= 0xd800 && codePoint <= 0xdfff))
        throw problem(`\\${code}${hex} is no character`);
      at += length;
      return [[codePoint, codePoint]];
    }
    if (/^[a-zA-Z0-9]$/.test(code)) throw problem(`\\${code} cannot be expressed`);
    const codePoint = code.codePointAt(0) as number;
    return [[codePoint, codePoint]];
  };

  const parseClass = (): CodePointRange[] => {
    const isInverted = takeIf('^');
    const ranges: CodePointRange[] = [];
    while (!takeIf(']')) {
      if (at >= characters.length) throw problem('a [ has no ]');
      charge(STEPS_OF_ITEM);
      const first = parseMember();
      const hasRange = characters[at] === '-' && characters[at + 1] !== ']' && at + 1 < characters.length;
      if (!hasRange) {
        ranges.push(...first);
        continue;
      }
      at++;
      const last = parseMember();
      const [from, to] = [first[0]?.[0] as number, last[0]?.[1] as number];
      if (first.length !== 1 || last.length !== 1 || to < from) throw problem('a range of characters is no range');
      ranges.push([from, to]);
    }
    const known = normaliseRanges(ranges);
    const all = isInverted ? invertRanges(known) : known;
    if (all.length === 0) throw problem('a [ ] holds no character');
    return all;
  };

  const parseMember = (): readonly CodePointRange[] => {
    const character = characters[at++] as string;
    if (character === '\\') return takeIf('b') ? [[8, 8]] : parseEscape();
    const codePoint = character.codePointAt(0) as number;
    return [[codePoint, Math.min(codePoint, LAST_CODE_POINT)]];
  };

  const parseRepeat = (item: PatternPart): PatternPart => {
    const counted = /^\{(\d{1,9})(?:(,)(\d{1,9})?)?\}/.exec(characters.slice(at, at + 24).join(''));
    let repeated = item;
    if (counted !== null) {
      const [text, low, comma, high] = counted;
      at += text.length;
      const min = Number(low);
      if (Math.max(min, Number(high ?? 0)) > MAX_COUNT) throw problem(`a part repeats at most ${MAX_COUNT} times`);
      const most = comma === undefined ? min : Number.POSITIVE_INFINITY;
      repeated = repeatPart(item, text, min, high === undefined ? most : Number(high));
    } else if (takeIf('*')) repeated = repeatPart(item, '*', 0, Number.POSITIVE_INFINITY);
    else if (takeIf('+')) repeated = repeatPart(item, '+', 1, Number.POSITIVE_INFINITY);
    else if (takeIf('?')) repeated = repeatPart(item, '?', 0, 1);
    // A lazy repeat matches the same texts.
    if (repeated !== item) takeIf('?');
    return repeated;
  };

  if (!pattern.isWellFormed()) throw problem('it is no text');
  const whole = parseChoice(0);
  if (at < characters.length) throw problem(`${characters[at]} cannot stand at ${at + 1}`);
  return whole;
}
