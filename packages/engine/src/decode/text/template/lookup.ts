import { readArguments } from './arguments.ts';
import type { Meter } from './meter.ts';
import { isEqual } from './operators.ts';
import { TEXT_METHODS } from './text-methods.ts';
import {
  type Arguments,
  Attributes,
  Callable,
  type Dict,
  failType,
  getItem,
  isDict,
  isList,
  type List,
  Namespace,
  nameType,
  orElse,
  RangeValue,
  Tuple,
  toIndexed,
  Undefined,
  type Value,
  View,
} from './values.ts';

type Method<T> = (value: T, given: Arguments, meter: Meter) => Value;

const DICT_METHODS: ReadonlyMap<string, Method<Dict>> = new Map<string, Method<Dict>>([
  ['keys', (dict) => new View('dict_keys', dict)],
  ['values', (dict) => new View('dict_values', dict)],
  ['items', (dict) => new View('dict_items', dict)],
  [
    'get',
    (dict, given) => {
      const [key, absent = null] = readArguments(given, 'get', ['key', 'default']);
      return orElse(getItem(dict, key ?? null), () => absent);
    },
  ],
  [
    'copy',
    (dict, _given, meter) => {
      meter.charge(dict.size);
      return new Map(dict);
    },
  ],
]);
/** Methods that change a dict or a list. The sandbox of templates has none of them. */
const CHANGES_OF_DICTS = new Set(['clear', 'pop', 'popitem', 'setdefault', 'update']);
const CHANGES_OF_LISTS = new Set(['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort']);

const LIST_METHODS: ReadonlyMap<string, Method<List>> = new Map<string, Method<List>>([
  [
    'count',
    (list, given, meter) => {
      const [wanted = null] = readArguments(given, 'count', ['value']);
      return BigInt(list.filter((item) => isEqual(meter, item, wanted)).length);
    },
  ],
  [
    'index',
    (list, given, meter) => {
      const [wanted = null] = readArguments(given, 'index', ['value']);
      const found = list.findIndex((item) => isEqual(meter, item, wanted));
      return found < 0 ? failType('the value is not in list') : BigInt(found);
    },
  ],
  [
    'copy',
    (list, _given, meter) => {
      meter.charge(list.length);
      return [...list];
    },
  ],
]);

function bind<T>(
  methods: ReadonlyMap<string, Method<T>>,
  name: string,
  { value, meter, size }: { readonly value: T; readonly meter: Meter; readonly size: number },
): Callable | undefined {
  const method = methods.get(name);
  return (
    method &&
    new Callable(name, (given) => {
      const texts = [...given.positional, ...given.named.values()].filter((argument) => typeof argument === 'string');
      meter.copy(texts.reduce((sum, text) => sum + text.length, size));
      return method(value, given, meter);
    })
  );
}

/** An attribute in Python's sense: of a dict, its methods, and no key. @returns undefined if the value has none of this name. */
export function findAttribute(meter: Meter, value: Value, name: string): Value | undefined {
  if (typeof value === 'string') return bind(TEXT_METHODS, name, { value, meter, size: value.length });
  if (isDict(value)) {
    if (CHANGES_OF_DICTS.has(name)) return forbid(value, name);
    return bind(DICT_METHODS, name, { value, meter, size: 0 });
  }
  if (isList(value) && CHANGES_OF_LISTS.has(name)) return forbid(value, name);
  if (isList(value)) return bind(LIST_METHODS, name, { value, meter, size: value.length });
  if (value instanceof Tuple && name !== 'copy')
    return bind(LIST_METHODS, name, { value: value.items, meter, size: value.items.length });
  if (value instanceof Namespace) return value.members.get(name);
  if (value instanceof Attributes) return value.read(name);
  if (value instanceof Callable && name === 'name') return value.name;
  if (value instanceof Undefined) return value.fail();
  return undefined;
}

const forbid = (value: Value, name: string): Undefined =>
  new Undefined(`access to attribute '${name}' of '${nameType(value)}' object is unsafe.`);

/** An element of a list or a text, or the value of a dict's key. */
function findElement(value: Value, key: Value): Value | undefined {
  if (isDict(value)) {
    if (isDict(key) || isList(key)) return undefined;
    return getItem(value, key);
  }
  if (value instanceof Undefined) return value.fail();
  const place = typeof key === 'bigint' || typeof key === 'boolean' ? Number(key) : undefined;
  if (place === undefined || value instanceof View) return undefined;
  const items =
    typeof value === 'string'
      ? toIndexed(value)
      : isList(value)
        ? value
        : value instanceof Tuple || value instanceof RangeValue
          ? value.items
          : undefined;
  return items?.[place < 0 ? place + items.length : place];
}

const nothing = (value: Value, name: string): Undefined =>
  new Undefined(
    value === null ? `'None' has no attribute '${name}'` : `'${nameType(value)} object' has no attribute '${name}'`,
  );

/** `value.name`: an attribute, or else the value of a dict's key. */
export const readAttribute = (meter: Meter, value: Value, name: string): Value =>
  orElse(findAttribute(meter, value, name), () => orElse(findElement(value, name), () => nothing(value, name)));

/** `value[key]`: an element, or else an attribute. */
export function readItem(meter: Meter, value: Value, key: Value): Value {
  if (typeof value === 'string') meter.read(value.length);
  return orElse(findElement(value, key), () => {
    if (typeof key !== 'string') return nothing(value, `a key of type ${nameType(key)}`);
    return orElse(findAttribute(meter, value, key), () => nothing(value, key));
  });
}
