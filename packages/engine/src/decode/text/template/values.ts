/**
 * Values of a running template, with Python's types, from which the printed text follows. None is `null`, an int a `bigint`, a
 * float a `number`, a list an array, and a dict a `Map`.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Value[]
  | ReadonlyMap<Value, Value>
  | Tuple
  | View
  | RangeValue
  | Once
  | Undefined
  | Namespace
  | Callable
  | Attributes;

/** An error of the template, or of what it does with its input. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** A value that was never set. It prints nothing, is false and has no elements. All else fails. */
export class Undefined {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
  fail(): never {
    throw new TemplateError(this.message);
  }
}

export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** The result of a dict's `keys`, `values` and `items`: it has a length and can be read again, and has no index. */
export class View {
  readonly kind: 'dict_keys' | 'dict_values' | 'dict_items';
  readonly #dict: ReadonlyMap<Value, Value>;
  constructor(kind: View['kind'], dict: ReadonlyMap<Value, Value>) {
    this.kind = kind;
    this.#dict = dict;
  }
  get size(): number {
    return this.#dict.size;
  }
  *[Symbol.iterator](): Iterator<Value> {
    if (this.kind === 'dict_keys') yield* this.#dict.keys();
    else if (this.kind === 'dict_values') yield* this.#dict.values();
    else for (const [key, value] of this.#dict) yield new Tuple([key, value]);
  }
}

/** The result of `range`. */
export class RangeValue {
  readonly bounds: readonly [start: bigint, stop: bigint, step: bigint];
  readonly items: readonly bigint[];
  constructor(bounds: RangeValue['bounds'], items: readonly bigint[]) {
    this.bounds = bounds;
    this.items = items;
  }
}

/** The result of most filters over lists: it is true, has no length, and can be read once. */
export class Once {
  readonly iterator: Iterator<Value>;
  constructor(iterator: Iterator<Value>) {
    this.iterator = iterator;
  }
}

/** The one kind of value that a template can change. */
export class Namespace {
  readonly members: Map<string, Value>;
  constructor(members: Map<string, Value>) {
    this.members = members;
  }
}

/** The arguments of a call, of a filter or of a test. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export class Callable {
  readonly name: string;
  readonly call: (given: Arguments) => Value;
  constructor(name: string, call: (given: Arguments) => Value) {
    this.name = name;
    this.call = call;
  }
}

/** A value that consists of attributes: `loop`, and what `cycler` returns. */
export class Attributes {
  readonly name: string;
  readonly read: (attribute: string) => Value | undefined;
  /** The effect of a call of the value itself. */
  readonly call: Callable['call'] | undefined;
  constructor(name: string, read: (attribute: string) => Value | undefined, call?: Callable['call']) {
    this.name = name;
    this.read = read;
    this.call = call;
  }
}

export type List = readonly Value[];
export type Dict = ReadonlyMap<Value, Value>;

export const isList = (value: Value): value is List => Array.isArray(value);
export const isDict = (value: Value): value is Dict => value instanceof Map;

export const isNumber = (value: Value): value is boolean | bigint | number =>
  typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean';

/** Python's name of the type, for messages. */
export function nameType(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float';
    case 'string':
      return 'str';
  }
  if (value === null) return 'NoneType';
  if (isList(value)) return 'list';
  if (isDict(value)) return 'dict';
  if (value instanceof View) return value.kind;
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof RangeValue) return 'range';
  if (value instanceof Once) return 'generator';
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Namespace) return 'Namespace';
  return value instanceof Callable ? 'function' : (value as Attributes).name;
}

export const failType = (message: string): never => {
  throw new TemplateError(message);
};

/** Equal numbers are one key, as in Python. */
const toKey = (key: Value): Value => {
  if (typeof key === 'boolean') return key ? 1n : 0n;
  if (typeof key === 'number' && Number.isInteger(key)) return BigInt(key);
  if (isList(key) || isDict(key) || key instanceof View || key instanceof Tuple)
    failType(`a ${nameType(key)} is no key here`);
  return key;
};

/** A dict in the making. A key keeps the form in which it came first. */
export class DictBuilder {
  readonly #keys = new Map<Value, Value>();
  readonly #dict = new Map<Value, Value>();
  set(key: Value, value: Value): void {
    const known = toKey(key);
    const first = this.#keys.get(known);
    if (first === undefined) this.#keys.set(known, key);
    this.#dict.set(first === undefined ? key : first, value);
  }
  finish(): Dict {
    return this.#dict;
  }
}

/** The value if there is one. `??` would take None for nothing. */
export const orElse = (found: Value | undefined, absent: () => Value): Value =>
  found === undefined ? absent() : found;

/** @returns undefined if the dict has no such key. */
export function getItem(dict: Dict, key: Value): Value | undefined {
  const known = toKey(key);
  // The forms in which an equal key may have come first.
  const forms = typeof known === 'bigint' ? [known, Number(known), known === 1n, known !== 0n] : [known];
  for (const form of forms) {
    const value = typeof form === 'boolean' && BigInt(form) !== known ? undefined : dict.get(form);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** @throws TemplateError if the value has no elements to read. */
export function iterate(value: Value): Iterable<Value> {
  if (typeof value === 'string') return value;
  if (isList(value)) return value;
  if (isDict(value)) return value.keys();
  if (value instanceof Tuple || value instanceof RangeValue) return value.items;
  if (value instanceof View) return value;
  if (value instanceof Once) return { [Symbol.iterator]: () => value.iterator };
  if (value instanceof Undefined) return [];
  return failType(`'${nameType(value)}' object is not iterable`);
}

/** @returns undefined if the value has no length. */
export function findLength(value: Value): number | undefined {
  if (typeof value === 'string') return countCodePoints(value);
  if (isList(value)) return value.length;
  if (isDict(value) || value instanceof View) return value.size;
  if (value instanceof Tuple || value instanceof RangeValue) return value.items.length;
  return value instanceof Undefined ? 0 : undefined;
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === 'string') return value !== '';
  if (typeof value === 'object') return findLength(value) !== 0;
  return typeof value === 'bigint' ? value !== 0n : typeof value === 'number' ? value !== 0 : value;
}

const SURROGATE = /[\ud800-\udfff]/;

/** Whether each UTF-16 unit of the text is a code point: then its units can be counted. */
export const isPlain = (text: string): boolean => !SURROGATE.test(text);

export function countCodePoints(text: string): number {
  if (isPlain(text)) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const isLow = (text.charCodeAt(i) & 0xfc00) === 0xdc00;
    const isPair = isLow && i > 0 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800;
    if (!isPair) count++;
  }
  return count;
}

/** The text as code points, if its units cannot be counted; else the text itself. */
export const toIndexed = (text: string): string | readonly string[] => (isPlain(text) ? text : [...text]);

/** A plain value of JSON, or exact JSON, as a template sees it. Whole numbers of plain JSON are ints. */
export function toValue(plain: unknown): Value {
  if (plain === null || plain === undefined) return null;
  if (typeof plain === 'string' || typeof plain === 'boolean' || typeof plain === 'bigint') return plain;
  if (typeof plain === 'number') return Number.isSafeInteger(plain) ? BigInt(plain) : plain;
  if (Array.isArray(plain)) return plain.map(toValue);
  // Exact JSON has the types of a template.
  if (plain instanceof Map) return plain as Dict;
  if (typeof plain === 'function') {
    const run = plain as (...given: readonly unknown[]) => unknown;
    return new Callable(run.name, ({ positional }) => toValue(run(...positional)));
  }
  return new Map(Object.entries(plain as object).map(([key, value]) => [key, toValue(value)]));
}
