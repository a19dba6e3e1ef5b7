import { readArguments, toCount, toText } from './arguments.ts';
import { formatPercent, writeFixed } from './format.ts';
import { findAttribute, readItem } from './lookup.ts';
import type { Meter } from './meter.ts';
import { calculate, compare, isEqual, reverse } from './operators.ts';
import { capitalize, replace, splitLines, splitRight, strip } from './text-methods.ts';
import {
  type Arguments,
  DictBuilder,
  failType,
  findLength,
  isDict,
  isList,
  isNumber,
  isTrue,
  iterate,
  nameType,
  Once,
  orElse,
  Tuple,
  Undefined,
  type Value,
  View,
} from './values.ts';
import { escapeHtml, writeJson, writeText } from './write.ts';

/** The things that a filter or a test may use besides its operand and arguments. */
export interface Runtime {
  readonly meter: Meter;
  filter(name: string, operand: Value, given: Arguments): Value;
  test(name: string, operand: Value, given: Arguments): boolean;
}

export type ApplyFilter = (operand: Value, given: Arguments, runtime: Runtime) => Value;

function* charged(meter: Meter, value: Value): Generator<Value> {
  for (const item of iterate(value)) {
    meter.charge(1);
    yield item;
  }
}

const toList = (meter: Meter, value: Value): Value[] => [...charged(meter, value)];

/** Reads an attribute by a path such as `function.name` or `0.role`. */
function createPath(meter: Meter, attribute: Value, absent?: Value): (item: Value) => Value {
  if (typeof attribute === 'string') meter.copy(attribute.length);
  const keys =
    typeof attribute === 'string'
      ? attribute.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
      : [attribute];
  return (item) =>
    keys.reduce<Value>((object, key) => {
      const found = readItem(meter, object, key);
      return found instanceof Undefined && absent !== undefined && absent !== null ? absent : found;
    }, item);
}

function ignoreCase(meter: Meter, value: Value): Value {
  if (typeof value !== 'string') return value;
  meter.copy(value.length);
  return value.toLowerCase();
}

function sortBy(
  meter: Meter,
  items: readonly Value[],
  { toKeys, isReversed }: { readonly toKeys: (item: Value) => readonly Value[]; readonly isReversed: boolean },
): readonly Value[] {
  meter.charge(items.length * Math.log2(items.length + 2));
  const keyed = items.map((item) => [item, toKeys(item)] as const);
  const order = ([, a]: readonly [Value, readonly Value[]], [, b]: readonly [Value, readonly Value[]]): number => {
    meter.charge(1);
    return compare(meter, a, b);
  };
  keyed.sort(isReversed ? (a, b) => order(b, a) : order);
  return keyed.map(([item]) => item);
}

/** The rest of a filter's arguments, after its first. */
const behind = ({ positional, named }: Arguments): Arguments => ({ positional: positional.slice(1), named });

/** A list that a filter writes when it is read: nothing of an operand that is false, and no error of its arguments then. */
const laterOf = (operand: Value, write: () => Iterable<Value>): Once =>
  new Once(
    (function* () {
      if (isTrue(operand)) yield* write();
    })(),
  );

function choose(isAttribute: boolean, wanted: boolean): ApplyFilter {
  return (operand, given, { meter, test }) =>
    laterOf(operand, function* () {
      const read = isAttribute
        ? createPath(meter, given.positional[0] ?? failType('Missing parameter for attribute name'))
        : (item: Value) => item;
      const [name, ...rest] = (isAttribute ? behind(given) : given).positional;
      const passes = (item: Value): boolean =>
        name === undefined
          ? isTrue(item)
          : test(toText(name, 'a test'), item, { positional: rest, named: given.named });
      for (const item of charged(meter, operand)) if (passes(read(item)) === wanted) yield item;
    });
}

/** The change of each item by the filter `map`: an attribute of it, or the result of a filter. */
function createChange(given: Arguments, { meter, filter }: Runtime): (item: Value) => Value {
  const attribute = given.positional.length === 0 ? given.named.get('attribute') : undefined;
  if (attribute !== undefined) return createPath(meter, attribute, given.named.get('default'));
  const name = toText(given.positional[0] ?? failType('map requires a filter argument'), 'map');
  return (item) => filter(name, item, behind(given));
}

function pickExtreme(sign: number): ApplyFilter {
  return (operand, given, { meter }) => {
    const [isCased = false, attribute = null] = readArguments(given, 'the filter', ['case_sensitive', 'attribute']);
    const read = attribute === null ? (item: Value) => item : createPath(meter, attribute);
    const toKey = (item: Value): Value => (isTrue(isCased) ? read(item) : ignoreCase(meter, read(item)));
    let best: Value | undefined;
    for (const item of charged(meter, operand)) {
      if (best === undefined || compare(meter, toKey(item), toKey(best)) * sign > 0) best = item;
    }
    return orElse(best, () => new Undefined('No aggregated item, sequence was empty.'));
  };
}

const toSafe: ApplyFilter = (operand, _given, { meter }) => escapeHtml(meter, writeText(meter, operand));

/** The filter of a text that takes no arguments. */
const onText =
  (change: (text: string) => string): ApplyFilter =>
  (operand, given, { meter }) => {
    readArguments(given, 'the filter', []);
    const text = writeText(meter, operand);
    meter.copy(text.length);
    return change(text);
  };

const measure: ApplyFilter = (operand, _given, { meter }) => {
  if (typeof operand === 'string') meter.read(operand.length);
  const length = findLength(operand);
  return length === undefined ? failType(`object of type '${nameType(operand)}' has no len()`) : BigInt(length);
};

const useDefault: ApplyFilter = (operand, given) => {
  const [absent = '', alsoFalse = false] = readArguments(given, 'default', ['default_value', 'boolean']);
  return operand instanceof Undefined || (isTrue(alsoFalse) && !isTrue(operand)) ? absent : operand;
};

/** Whole numbers alone are this large. */
const WHOLE_FROM = 2 ** 53;

/** Python's rounding of a float. */
function roundHalfEven(value: number, digits: number): number {
  if (digits < 0) return roundHalfEven(value / 10 ** -digits, 0) * 10 ** -digits;
  if (digits > 100 || !(Math.abs(value) < WHOLE_FROM)) return value;
  return Number(writeFixed(value, digits));
}

function toJson(operand: Value, given: Arguments, { meter }: Runtime): string {
  const [isAscii = false, indent = null, separators = null, sortsKeys = false] = readArguments(given, 'tojson', [
    'ensure_ascii',
    'indent',
    'separators',
    'sort_keys',
  ]);
  const level =
    typeof indent === 'string' ? toShort(indent) : indent === null ? undefined : ' '.repeat(toWidth(indent));
  const cut =
    separators === null
      ? undefined
      : toList(meter, separators).map((separator) => toShort(toText(separator, 'separators')));
  if (cut !== undefined && cut.length !== 2) failType('tojson takes two separators');
  const [item = level === undefined ? ', ' : ',', key = ': '] = cut ?? [];
  return writeJson(meter, operand, {
    indent: level,
    separators: [item, key],
    sortsKeys: isTrue(sortsKeys),
    isAscii: isTrue(isAscii),
  });
}

/** More fits no prompt, and a width is copied for each line. */
const MAX_WIDTH = 1_024;
const toShort = (text: string): string =>
  text.length <= MAX_WIDTH ? text : failType(`it writes more than ${MAX_WIDTH} characters between values`);
function toWidth(value: Value): number {
  const width = Math.max(0, toCount(value, 0));
  return width <= MAX_WIDTH ? width : failType(`it indents by more than ${MAX_WIDTH}`);
}

function indent(operand: Value, given: Arguments, { meter }: Runtime): string {
  const [width = 4n, first = false, blank = false] = readArguments(given, 'indent', ['width', 'first', 'blank']);
  const margin = typeof width === 'string' ? width : ' '.repeat(toWidth(width));
  const text = writeText(meter, operand);
  meter.read(text.length);
  const lines = splitLines(`${text}\n`);
  meter.copy(text.length + lines.length * (margin.length + 1));
  const indented = lines.map((line, i) => (i > 0 && (line !== '' || isTrue(blank)) ? margin + line : line)).join('\n');
  return isTrue(first) ? margin + indented : indented;
}

/** The marks of a base before the digits of a text. */
const PREFIXES: ReadonlyMap<number, string> = new Map([
  [2, '0b'],
  [8, '0o'],
  [16, '0x'],
]);

function toInteger(value: Value, base: number): bigint | undefined {
  if (typeof value === 'bigint' || typeof value === 'boolean') return BigInt(value);
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined;
  if (typeof value !== 'string') return undefined;
  const digits = strip(value, 'both').replaceAll(/(?<=[\da-zA-Z])_(?=[\da-zA-Z])/g, '');
  if (digits.length > 1_000) return undefined;
  const {
    sign = '',
    prefix = '',
    rest = '',
  } = /^(?<sign>[-+]?)(?<prefix>0[xXoObB])?(?<rest>[\da-zA-Z]+)$/.exec(digits)?.groups ?? {};
  const body = prefix.toLowerCase() === PREFIXES.get(base) ? rest : prefix + rest;
  if (body === '') return undefined;
  if (base === 10 && /^[-+]?\d+$/.test(digits)) return BigInt(sign === '-' ? `-${body}` : body);
  if (base === 10) return undefined;
  const parsed = [...body].map((digit) => Number.parseInt(digit, 36));
  if (parsed.some((digit) => digit >= base)) return undefined;
  const size = parsed.reduce((sum, digit) => sum * BigInt(base) + BigInt(digit), 0n);
  return sign === '-' ? -size : size;
}

function toFloat(value: Value): number | undefined {
  if (isNumber(value)) return Number(value);
  if (typeof value !== 'string') return undefined;
  const text = strip(value, 'both').toLowerCase();
  const { sign = '', word } = /^(?<sign>[-+]?)(?<word>inf|infinity|nan)$/.exec(text)?.groups ?? {};
  if (word !== undefined) return word === 'nan' ? Number.NaN : Number(`${sign}Infinity`);
  const digits = text.replaceAll(/(?<=\d)_(?=\d)/g, '');
  return /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/.test(digits) ? Number(digits) : undefined;
}

function group(operand: Value, given: Arguments, { meter }: Runtime): Value {
  const [attribute = null, absent, isCased = false] = readArguments(given, 'groupby', [
    'attribute',
    'default',
    'case_sensitive',
  ]);
  const read = createPath(meter, attribute, absent);
  const toKey = (item: Value): Value => (isTrue(isCased) ? read(item) : ignoreCase(meter, read(item)));
  const sorted = sortBy(meter, toList(meter, operand), { toKeys: (item) => [toKey(item)], isReversed: false });
  const groups: Value[][] = [];
  for (const item of sorted) {
    const last = groups.at(-1);
    if (last !== undefined && isEqual(meter, toKey(last[0] as Value), toKey(item))) last.push(item);
    else groups.push([item]);
  }
  return groups.map((items) => new Tuple([read(items[0] as Value), items]));
}

/** Lists of a number of items each, or a number of lists. */
function partition(isBatch: boolean): ApplyFilter {
  return (operand, given, { meter }) => {
    const [size, fill = null] = readArguments(given, 'the filter', [isBatch ? 'linecount' : 'slices', 'fill_with']);
    const count = toCount(size, 0);
    if (count < 1) failType('the filter needs a number above zero');
    const items = toList(meter, operand);
    const lists: Value[][] = [];
    if (isBatch) {
      for (let at = 0; at < items.length; at += count) lists.push(items.slice(at, at + count));
      const last = lists.at(-1);
      if (last !== undefined && fill !== null) {
        meter.charge(count);
        while (last.length < count) last.push(fill);
      }
      return new Once(lists[Symbol.iterator]());
    }
    meter.charge(count);
    const [each, longer] = [Math.floor(items.length / count), items.length % count];
    let at = 0;
    for (let i = 0; i < count; i++) {
      const list = items.slice(at, at + each + (i < longer ? 1 : 0));
      at += list.length;
      lists.push(fill !== null && i >= longer ? [...list, fill] : list);
    }
    return new Once(lists[Symbol.iterator]());
  };
}

function truncate(operand: Value, given: Arguments, { meter }: Runtime): Value {
  const [length, killsWords = false, end = '...', leeway] = readArguments(given, 'truncate', [
    'length',
    'killwords',
    'end',
    'leeway',
  ]);
  const text = toText(operand, 'truncate');
  const ending = toText(end, 'truncate');
  const most = toCount(length, 255);
  const characters = [...text];
  meter.copy(text.length);
  if (characters.length <= most + toCount(leeway, 5)) return text;
  const kept = characters.slice(0, Math.max(0, most - [...ending].length)).join('');
  return (isTrue(killsWords) ? kept : (splitRight(kept, ' ', 1)[0] ?? '')) + ending;
}

function encodeUrl(operand: Value, _given: Arguments, { meter }: Runtime): string {
  const quote = (value: Value): string => {
    const text = writeText(meter, value);
    meter.copy(text.length * 9);
    return encodeURIComponent(text.toWellFormed()).replaceAll(
      /[!'()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  };
  if (typeof operand === 'string' || !(isDict(operand) || isList(operand)))
    return quote(operand).replaceAll('%2F', '/');
  const pairs = isDict(operand) ? [...operand] : toList(meter, operand).map((pair) => toList(meter, pair));
  return pairs.map(([key = null, value = null]) => `${quote(key)}=${quote(value)}`.replaceAll('%20', '+')).join('&');
}

/** The filters of jinja2, without those that lay out web pages or draw at random. */
export const FILTERS: ReadonlyMap<string, ApplyFilter> = new Map<string, ApplyFilter>([
  [
    'abs',
    (operand, _given, { meter }) => {
      if (!isNumber(operand)) return failType(`bad operand type for abs(): '${nameType(operand)}'`);
      return compare(meter, operand, 0n) < 0 ? calculate(meter, '-', 0n, operand) : calculate(meter, '+', 0n, operand);
    },
  ],
  [
    'attr',
    (operand, given, { meter }) => {
      const name = toText(readArguments(given, 'attr', ['name'])[0], 'attr');
      return findAttribute(meter, operand, name) ?? new Undefined(`'${nameType(operand)}' has no attribute '${name}'`);
    },
  ],
  ['batch', partition(true)],
  ['capitalize', onText(capitalize)],
  [
    'center',
    (operand, given, { meter }) => {
      const [width = 80n] = readArguments(given, 'center', ['width']);
      const text = writeText(meter, operand);
      const method = findAttribute(meter, text, 'center');
      return (method as { readonly call: (given: Arguments) => Value }).call({ positional: [width], named: new Map() });
    },
  ],
  ['count', measure],
  ['d', useDefault],
  ['default', useDefault],
  [
    'dictsort',
    (operand, given, { meter }) => {
      const [isCased = false, by = 'key', isReversed = false] = readArguments(given, 'dictsort', [
        'case_sensitive',
        'by',
        'reverse',
      ]);
      if (by !== 'key' && by !== 'value') failType('You can only sort by either "key" or "value"');
      if (operand instanceof Undefined) operand.fail();
      if (!isDict(operand)) return failType(`'${nameType(operand)}' object has no attribute 'items'`);
      const items = [...operand].map((pair) => new Tuple(pair));
      return sortBy(meter, items, {
        toKeys: (item) => {
          const key = (item as Tuple).items[by === 'key' ? 0 : 1] as Value;
          return [isTrue(isCased) ? key : ignoreCase(meter, key)];
        },
        isReversed: isTrue(isReversed),
      });
    },
  ],
  ['e', toSafe],
  ['escape', toSafe],
  [
    'first',
    (operand, given) => {
      readArguments(given, 'first', []);
      for (const item of iterate(operand)) return item;
      return new Undefined('No first item, sequence was empty.');
    },
  ],
  [
    'float',
    (operand, given, { meter }) => {
      const [absent = 0] = readArguments(given, 'float', ['default']);
      if (operand instanceof Undefined) operand.fail();
      if (typeof operand === 'string') meter.copy(operand.length);
      return toFloat(operand) ?? absent;
    },
  ],
  ['forceescape', toSafe],
  [
    'format',
    (operand, { positional, named }, { meter }) =>
      formatPercent(meter, writeText(meter, operand), named.size > 0 ? { positional: [named], named } : { positional }),
  ],
  ['groupby', group],
  ['indent', indent],
  [
    'int',
    (operand, given, { meter }) => {
      const [absent = 0n, base] = readArguments(given, 'int', ['default', 'base']);
      if (operand instanceof Undefined) operand.fail();
      if (typeof operand === 'string') meter.copy(operand.length);
      const whole = toInteger(operand, toCount(base, 10));
      const float = whole === undefined ? toFloat(operand) : undefined;
      return whole ?? (float !== undefined && Number.isFinite(float) ? BigInt(Math.trunc(float)) : absent);
    },
  ],
  [
    'items',
    (operand) => {
      if (operand instanceof Undefined) return new Once([][Symbol.iterator]());
      if (!isDict(operand)) return failType('Can only get item pairs from a mapping.');
      return new Once(new View('dict_items', operand)[Symbol.iterator]());
    },
  ],
  [
    'join',
    (operand, given, { meter }) => {
      const [separator = '', attribute = null] = readArguments(given, 'join', ['d', 'attribute']);
      const read = attribute === null ? (item: Value) => item : createPath(meter, attribute);
      const between = writeText(meter, separator);
      const texts: string[] = [];
      for (const item of charged(meter, operand)) {
        const text = writeText(meter, read(item));
        meter.copy(text.length + between.length);
        texts.push(text);
      }
      const joined = texts.join(between);
      meter.read(joined.length);
      return joined;
    },
  ],
  [
    'last',
    (operand, given, { meter }) => {
      readArguments(given, 'last', []);
      if (operand instanceof Once) return failType("'generator' object is not reversible");
      if (operand instanceof Undefined) return failType("'Undefined' object is not reversible");
      if (typeof operand === 'string') meter.read(operand.length);
      return orElse(toList(meter, operand).at(-1), () => new Undefined('No last item, sequence was empty.'));
    },
  ],
  ['length', measure],
  ['list', (operand, _given, { meter }) => toList(meter, operand)],
  ['lower', onText((text) => text.toLowerCase())],
  [
    'map',
    (operand, given, runtime) =>
      laterOf(operand, function* () {
        const change = createChange(given, runtime);
        for (const item of charged(runtime.meter, operand)) yield change(item);
      }),
  ],
  ['max', pickExtreme(1)],
  ['min', pickExtreme(-1)],
  ['reject', choose(false, false)],
  ['rejectattr', choose(true, false)],
  [
    'replace',
    (operand, given, { meter }) => {
      const [from, to, count = null] = readArguments(given, 'replace', ['old', 'new', 'count']);
      if (from === undefined || to === undefined) return failType('replace takes a text and its replacement');
      const pair = [writeText(meter, from), writeText(meter, to)] as const;
      return replace(meter, writeText(meter, operand), pair, count === null ? -1 : toCount(count, -1));
    },
  ],
  ['reverse', (operand, _given, { meter }) => reverse(meter, operand)],
  [
    'round',
    (operand, given) => {
      const [precision, method = 'common'] = readArguments(given, 'round', ['precision', 'method']);
      if (!isNumber(operand)) return failType(`type ${nameType(operand)} doesn't define __round__ method`);
      const digits = toCount(precision, 0);
      if (method === 'common') {
        if (typeof operand !== 'number') return digits >= 0 ? BigInt(operand) : failType('it rounds an int');
        return roundHalfEven(operand, digits);
      }
      if (method !== 'ceil' && method !== 'floor') return failType('method must be common, ceil or floor');
      const scaled = Number(operand) * 10 ** digits;
      return (method === 'ceil' ? Math.ceil(scaled) : Math.floor(scaled)) / 10 ** digits;
    },
  ],
  ['safe', (operand, _given, { meter }) => writeText(meter, operand)],
  ['select', choose(false, true)],
  ['selectattr', choose(true, true)],
  ['slice', partition(false)],
  [
    'sort',
    (operand, given, { meter }) => {
      const [isReversed = false, isCased = false, attribute = null] = readArguments(given, 'sort', [
        'reverse',
        'case_sensitive',
        'attribute',
      ]);
      if (typeof attribute === 'string') meter.copy(attribute.length);
      const names = typeof attribute === 'string' ? attribute.split(',') : [attribute];
      const reads = names.map((name) => (name === null ? (item: Value) => item : createPath(meter, name)));
      return sortBy(meter, toList(meter, operand), {
        toKeys: (item) => reads.map((read) => (isTrue(isCased) ? read(item) : ignoreCase(meter, read(item)))),
        isReversed: isTrue(isReversed),
      });
    },
  ],
  ['string', (operand, _given, { meter }) => writeText(meter, operand)],
  [
    'sum',
    (operand, given, { meter }) => {
      const [attribute = null, start = 0n] = readArguments(given, 'sum', ['attribute', 'start']);
      const read = attribute === null ? (item: Value) => item : createPath(meter, attribute);
      let sum = start;
      for (const item of charged(meter, operand)) sum = calculate(meter, '+', sum, read(item));
      return sum;
    },
  ],
  [
    'title',
    onText((text) =>
      text
        .split(/([-\s([{<]+)/)
        .map((word) => {
          const [first = ''] = word;
          return first.toUpperCase() + word.slice(first.length).toLowerCase();
        })
        .join(''),
    ),
  ],
  ['tojson', toJson],
  [
    'trim',
    (operand, given, { meter }) => {
      const [characters = null] = readArguments(given, 'trim', ['chars']);
      const text = writeText(meter, operand);
      meter.copy(text.length);
      return strip(text, 'both', characters === null ? undefined : toText(characters, 'trim'));
    },
  ],
  ['truncate', truncate],
  [
    'unique',
    (operand, given, { meter }) => {
      const [isCased = false, attribute = null] = readArguments(given, 'unique', ['case_sensitive', 'attribute']);
      const read = attribute === null ? (item: Value) => item : createPath(meter, attribute);
      const seen = new DictBuilder();
      return new Once(
        (function* () {
          for (const item of charged(meter, operand)) {
            const key = isTrue(isCased) ? read(item) : ignoreCase(meter, read(item));
            const before = seen.finish().size;
            seen.set(key, true);
            if (seen.finish().size > before) yield item;
          }
        })(),
      );
    },
  ],
  ['upper', onText((text) => text.toUpperCase())],
  ['urlencode', encodeUrl],
  [
    'wordcount',
    (operand, _given, { meter }) => {
      const text = writeText(meter, operand);
      meter.copy(text.length);
      return BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0);
    },
  ],
]);
