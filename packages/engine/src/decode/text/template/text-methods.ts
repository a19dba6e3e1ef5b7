import { readArguments, toCount, toText } from './arguments.ts';
import { formatBraces } from './format.ts';
import type { Meter } from './meter.ts';
import { type Arguments, countCodePoints, failType, iterate, Tuple, type Value } from './values.ts';

/** Python's white space, which is not that of JavaScript. */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
/** Characters that end a line. */
const LINE_END = '\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029';
const isSpace = new RegExp(`^[${SPACE}]$`);
const LINE_ENDS = new RegExp(`\\r\\n|[${LINE_END}]`, 'g');

/** Ends of a text to strip. */
export type Sides = 'both' | 'left' | 'right';

export function strip(text: string, sides: Sides, characters?: Iterable<string>): string {
  const set = characters && new Set(characters);
  const isStripped = (character: string): boolean => (set ? set.has(character) : isSpace.test(character));
  let [start, end] = [0, text.length];
  const sizeAt = (at: number): number => ((text.codePointAt(at) as number) > 0xffff ? 2 : 1);
  if (sides !== 'right')
    while (start < end && isStripped(text.slice(start, start + sizeAt(start)))) start += sizeAt(start);
  if (sides !== 'left')
    while (end > start) {
      const isLow = (text.charCodeAt(end - 1) & 0xfc00) === 0xdc00 && end - 2 >= start;
      const size = isLow ? 2 : 1;
      if (!isStripped(text.slice(end - size, end))) break;
      end -= size;
    }
  return text.slice(start, end);
}

/** @param most the most cuts; negative for all. */
export function split(text: string, separator: string | undefined, most: number): readonly string[] {
  if (separator === '') failType('empty separator');
  const parts: string[] = [];
  if (separator !== undefined) {
    let at = 0;
    for (let cuts = 0; most < 0 || cuts < most; cuts++) {
      const found = text.indexOf(separator, at);
      if (found < 0) break;
      parts.push(text.slice(at, found));
      at = found + separator.length;
    }
    parts.push(text.slice(at));
    return parts;
  }
  let rest = strip(text, 'left');
  const word = new RegExp(`[^${SPACE}]+`, 'y');
  while (rest !== '') {
    if (most >= 0 && parts.length >= most) {
      parts.push(rest);
      break;
    }
    word.lastIndex = 0;
    const [found = ''] = word.exec(rest) ?? [];
    parts.push(found);
    rest = strip(rest.slice(found.length), 'left');
  }
  return parts;
}

/** Charges a search and the parts into which a text is cut, before they are made. */
function chargeParts(meter: Meter, text: string, separator: string | undefined): void {
  if (separator === undefined) meter.charge(text.length / 2);
  else {
    meter.search(text, separator);
    meter.charge(countOccurrences(text, separator));
  }
}

function countOccurrences(text: string, wanted: string): number {
  let count = 0;
  for (let at = text.indexOf(wanted); at >= 0 && wanted !== ''; at = text.indexOf(wanted, at + wanted.length)) count++;
  return count;
}

/** `split` from the right. */
export function splitRight(text: string, separator: string | undefined, most: number): readonly string[] {
  if (most < 0) return split(text, separator, most);
  if (separator === '') failType('empty separator');
  const parts: string[] = [];
  let end = separator === undefined ? strip(text, 'right').length : text.length;
  while (parts.length < most && end > 0) {
    const { from, to } = separator === undefined ? findLastWord(text, end) : findLast(text, separator, end);
    if (from < 0) break;
    parts.push(text.slice(from, end));
    end = to;
    if (separator !== undefined && end === 0) return [...parts, ''].reverse();
  }
  if (end > 0 || separator !== undefined) parts.push(text.slice(0, end));
  return parts.reverse();
}

/** The beginning of the last part before a place, and the end of the part before it; -1 if there is none. */
interface LastPart {
  readonly from: number;
  readonly to: number;
}

function findLast(text: string, separator: string, end: number): LastPart {
  const found = end < separator.length ? -1 : text.lastIndexOf(separator, end - separator.length);
  return found < 0 ? { from: -1, to: -1 } : { from: found + separator.length, to: found };
}

function findLastWord(text: string, end: number): LastPart {
  let from = end;
  while (from > 0 && !isSpace.test(text[from - 1] as string)) from--;
  let to = from;
  while (to > 0 && isSpace.test(text[to - 1] as string)) to--;
  return { from, to };
}

/** @param keeps whether lines keep their ends. */
export function splitLines(text: string, keeps = false): readonly string[] {
  const lines: string[] = [];
  let at = 0;
  for (const { 0: end, index } of text.matchAll(LINE_ENDS)) {
    lines.push(text.slice(at, keeps ? index + end.length : index));
    at = index + end.length;
  }
  if (at < text.length) lines.push(text.slice(at));
  return lines;
}

export function replace(meter: Meter, text: string, [from, to]: readonly [string, string], count: number): string {
  const limit = count < 0 ? Number.POSITIVE_INFINITY : count;
  if (from === '') {
    const characters = [...text];
    const places = Math.min(limit, characters.length + 1);
    meter.copy(text.length + places * to.length);
    return (
      characters.map((character, i) => (i < places ? to : '') + character).join('') +
      (characters.length < places ? to : '')
    );
  }
  meter.read(text.length);
  chargeParts(meter, text, from);
  const parts = split(text, from, count);
  meter.copy(text.length + (parts.length - 1) * to.length);
  return parts.join(to);
}

export const capitalize = (text: string): string => {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
};

const toTitle = (text: string): string => text.replaceAll(/\p{L}[\p{L}\p{Mn}]*/gu, (word) => capitalize(word));

const isCased = (text: string): boolean => /[\p{Lu}\p{Ll}\p{Lt}]/u.test(text);
export const isUpper = (text: string): boolean => isCased(text) && !/[\p{Ll}\p{Lt}]/u.test(text);
export const isLower = (text: string): boolean => isCased(text) && !/[\p{Lu}\p{Lt}]/u.test(text);

/** UTF-16 units of a text before a number of code points. */
function toUnits(text: string, codePoints: number): number {
  let [units, left] = [0, codePoints];
  for (const character of text) {
    if (left-- <= 0) break;
    units += character.length;
  }
  return units;
}

/** The part of a text that a search looks at, and the code points before it. */
function toRange(
  text: string,
  start: Value | undefined,
  stop: Value | undefined,
): readonly [part: string, before: number] {
  const length = countCodePoints(text);
  const place = (bound: Value | undefined, absent: number): number => {
    const given = bound === null ? absent : toCount(bound, absent);
    return Math.min(length, Math.max(0, given < 0 ? given + length : given));
  };
  const [from, to] = [place(start, 0), place(stop, length)];
  return [text.slice(toUnits(text, from), toUnits(text, to)), from];
}

type TextMethod = (text: string, given: Arguments, meter: Meter) => Value;

const change =
  (run: (text: string) => string): TextMethod =>
  (text, given) => {
    readArguments(given, 'the method', []);
    return run(text);
  };
const ask =
  (pattern: RegExp): TextMethod =>
  (text, given) => {
    readArguments(given, 'the method', []);
    return pattern.test(text);
  };
const stripping =
  (sides: Sides): TextMethod =>
  (text, given) => {
    const [characters] = readArguments(given, 'strip', ['chars']);
    return strip(
      text,
      sides,
      characters === undefined || characters === null ? undefined : toText(characters, 'strip'),
    );
  };
const splitting =
  (cut: typeof split): TextMethod =>
  (text, given, meter) => {
    const [separator, most] = readArguments(given, 'split', ['sep', 'maxsplit']);
    const by = separator === undefined || separator === null ? undefined : toText(separator, 'split');
    chargeParts(meter, text, by);
    return cut(text, by, toCount(most, -1));
  };
const searching =
  (isLast: boolean, isRequired: boolean): TextMethod =>
  (text, given, meter) => {
    const [wanted, start, stop] = readArguments(given, 'find', ['sub', 'start', 'end']);
    const [part, before] = toRange(text, start, stop);
    const sub = toText(wanted, 'find');
    meter.search(part, sub);
    const found = isLast ? part.lastIndexOf(sub) : part.indexOf(sub);
    if (found >= 0) return BigInt(before + countCodePoints(part.slice(0, found)));
    return isRequired ? failType('substring not found') : -1n;
  };
const matching =
  (test: (part: string, wanted: string) => boolean): TextMethod =>
  (text, given, meter) => {
    const [wanted, start, stop] = readArguments(given, 'startswith', ['prefix', 'start', 'end']);
    const [part] = toRange(text, start, stop);
    const all = wanted instanceof Tuple ? wanted.items : [wanted];
    return all.some((each) => {
      const prefix = toText(each, 'startswith');
      meter.read(prefix.length);
      return test(part, prefix);
    });
  };
const justifying =
  (place: (missing: number) => number): TextMethod =>
  (text, given, meter) => {
    const [width, fill = ' '] = readArguments(given, 'center', ['width', 'fillchar']);
    const missing = toCount(width, 0) - countCodePoints(text);
    if (missing <= 0) return text;
    meter.copy(text.length + missing);
    const before = place(missing);
    const room = toText(fill, 'center');
    return room.repeat(before) + text + room.repeat(missing - before);
  };
const partitioning =
  (isLast: boolean): TextMethod =>
  (text, given, meter) => {
    const [separator] = readArguments(given, 'partition', ['sep']);
    const sep = toText(separator, 'partition');
    meter.search(text, sep);
    if (sep === '') failType('empty separator');
    const found = isLast ? text.lastIndexOf(sep) : text.indexOf(sep);
    if (found < 0) return new Tuple(isLast ? ['', '', text] : [text, '', '']);
    return new Tuple([text.slice(0, found), sep, text.slice(found + sep.length)]);
  };

/** Python's methods of a text that templates may call. */
export const TEXT_METHODS: ReadonlyMap<string, TextMethod> = new Map<string, TextMethod>([
  ['capitalize', change(capitalize)],
  ['casefold', change((text) => text.toLowerCase().replaceAll('ß', 'ss'))],
  ['lower', change((text) => text.toLowerCase())],
  ['upper', change((text) => text.toUpperCase())],
  ['title', change(toTitle)],
  [
    'swapcase',
    change((text) => text.replaceAll(/\p{L}/gu, (c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase()))),
  ],
  ['strip', stripping('both')],
  ['lstrip', stripping('left')],
  ['rstrip', stripping('right')],
  ['split', splitting(split)],
  ['rsplit', splitting(splitRight)],
  [
    'splitlines',
    (text, given, meter) => {
      const [keeps] = readArguments(given, 'splitlines', ['keepends']);
      chargeParts(meter, text, undefined);
      return splitLines(text, keeps === true);
    },
  ],
  [
    'replace',
    (text, given, meter) => {
      const [from, to, count] = readArguments(given, 'replace', ['old', 'new', 'count']);
      return replace(meter, text, [toText(from, 'replace'), toText(to, 'replace')], toCount(count, -1));
    },
  ],
  [
    'join',
    (text, given, meter) => {
      const [items] = readArguments(given, 'join', ['iterable']);
      const texts = [...iterate(items ?? failType('join() takes exactly one argument'))].map((item) =>
        toText(item, 'join'),
      );
      meter.charge(texts.length);
      meter.copy(texts.reduce((sum, each) => sum + each.length + text.length, 0));
      return texts.join(text);
    },
  ],
  ['find', searching(false, false)],
  ['rfind', searching(true, false)],
  ['index', searching(false, true)],
  ['rindex', searching(true, true)],
  [
    'count',
    (text, given, meter) => {
      const [wanted, start, stop] = readArguments(given, 'count', ['sub', 'start', 'end']);
      const [part] = toRange(text, start, stop);
      const sub = toText(wanted, 'count');
      meter.search(part, sub);
      return BigInt(sub === '' ? countCodePoints(part) + 1 : countOccurrences(part, sub));
    },
  ],
  ['startswith', matching((part, wanted) => part.startsWith(wanted))],
  ['endswith', matching((part, wanted) => part.endsWith(wanted))],
  ['partition', partitioning(false)],
  ['rpartition', partitioning(true)],
  [
    'removeprefix',
    (text, given) => {
      const prefix = toText(readArguments(given, 'removeprefix', ['prefix'])[0], 'removeprefix');
      return text.startsWith(prefix) ? text.slice(prefix.length) : text;
    },
  ],
  [
    'removesuffix',
    (text, given) => {
      const suffix = toText(readArguments(given, 'removesuffix', ['suffix'])[0], 'removesuffix');
      return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    },
  ],
  // The odd space stands on the left if the width is odd.
  [
    'center',
    (text, given, meter) => {
      const width = toCount(readArguments(given, 'center', ['width', 'fillchar'])[0], 0);
      return justifying((missing) => Math.floor(missing / 2) + (missing & width & 1))(text, given, meter);
    },
  ],
  ['ljust', justifying(() => 0)],
  ['rjust', justifying((missing) => missing)],
  [
    'zfill',
    (text, given, meter) => {
      const missing = toCount(readArguments(given, 'zfill', ['width'])[0], 0) - countCodePoints(text);
      if (missing <= 0) return text;
      meter.copy(text.length + missing);
      const [sign = ''] = /^[-+]/.exec(text) ?? [];
      return sign + '0'.repeat(missing) + text.slice(sign.length);
    },
  ],
  [
    'expandtabs',
    (text, given, meter) => {
      const size = Math.max(0, toCount(readArguments(given, 'expandtabs', ['tabsize'])[0], 8));
      meter.copy(text.length * Math.max(1, size));
      let column = 0;
      return text.replaceAll(/./gsu, (character) => {
        if (character === '\t') {
          const room = size === 0 ? 0 : size - (column % size);
          column += room;
          return ' '.repeat(room);
        }
        column = character === '\n' || character === '\r' ? 0 : column + 1;
        return character;
      });
    },
  ],
  ['format', (text, { positional, named }, meter) => formatBraces(meter, text, { positional, named })],
  ['isalnum', ask(/^[\p{L}\p{N}]+$/u)],
  ['isalpha', ask(/^\p{L}+$/u)],
  ['isascii', ask(/^\p{ASCII}*$/u)],
  ['isdecimal', ask(/^\p{Nd}+$/u)],
  ['isdigit', ask(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u)],
  ['isidentifier', ask(/^[\p{ID_Start}_]\p{ID_Continue}*$/u)],
  ['isnumeric', ask(/^\p{N}+$/u)],
  ['isprintable', ask(/^(?: |[^\p{C}\p{Z}])*$/u)],
  ['isspace', ask(new RegExp(`^[${SPACE}]+$`))],
  ['islower', (text) => isLower(text)],
  ['isupper', (text) => isUpper(text)],
  ['istitle', (text) => isCased(text) && text === toTitle(text)],
]);
