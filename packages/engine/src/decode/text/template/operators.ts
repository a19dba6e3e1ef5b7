import { type FormatFields, formatPercent } from './format.ts';
import type { Meter } from './meter.ts';
import {
  failType,
  findLength,
  getItem,
  isDict,
  isList,
  isNumber,
  iterate,
  nameType,
  Once,
  RangeValue,
  Tuple,
  Undefined,
  type Value,
  View,
} from './values.ts';
import { writeText } from './write.ts';

/** Elements of a list, a tuple or a range. */
const itemsOf = (value: Value): readonly Value[] | undefined =>
  isList(value) ? value : value instanceof Tuple || value instanceof RangeValue ? value.items : undefined;

/** Whether two numbers are equal; an int may equal a float. */
export const isSameNumber = (a: bigint | number, b: bigint | number): boolean => a <= b && a >= b;

/** Python's `==`. */
export function isEqual(meter: Meter, left: Value, right: Value): boolean {
  if (isNumber(left) && isNumber(right)) return isSameNumber(toNumber(left), toNumber(right));
  if (typeof left === 'string' || typeof right === 'string') {
    if (typeof left === 'string' && typeof right === 'string') meter.read(Math.min(left.length, right.length));
    return left === right;
  }
  if (left instanceof Undefined) return right instanceof Undefined;
  const [a, b] = [itemsOf(left), itemsOf(right)];
  if (a !== undefined && b !== undefined) {
    if (nameType(left) !== nameType(right) || a.length !== b.length) return false;
    return meter.nest(() => a.every((item, i) => isEqualStep(meter, item, b[i] as Value)));
  }
  if (!isDict(left) || !isDict(right)) return left === right;
  if (left.size !== right.size) return false;
  return meter.nest(() =>
    [...left].every(([key, value]) => {
      const other = getItem(right, key);
      return other !== undefined && isEqualStep(meter, value, other);
    }),
  );
}

function isEqualStep(meter: Meter, left: Value, right: Value): boolean {
  meter.charge(1);
  return isEqual(meter, left, right);
}

const toNumber = (value: boolean | bigint | number): bigint | number =>
  typeof value === 'boolean' ? BigInt(value) : value;

/** Orders two values as Python does: negative, zero, positive, or NaN. @throws TemplateError for values without an order. */
export function compare(meter: Meter, left: Value, right: Value, operator = '<'): number {
  if (isNumber(left) && isNumber(right)) {
    const [a, b] = [toNumber(left), toNumber(right)];
    return a < b ? -1 : a > b ? 1 : isSameNumber(a, b) ? 0 : Number.NaN;
  }
  if (typeof left === 'string' && typeof right === 'string') {
    meter.read(Math.min(left.length, right.length));
    return compareText(left, right);
  }
  if ((isList(left) && isList(right)) || (left instanceof Tuple && right instanceof Tuple)) {
    const [a, b] = [itemsOf(left) as readonly Value[], itemsOf(right) as readonly Value[]];
    return meter.nest(() => {
      for (let i = 0; i < Math.min(a.length, b.length); i++) {
        if (isEqualStep(meter, a[i] as Value, b[i] as Value)) continue;
        return compare(meter, a[i] as Value, b[i] as Value, operator);
      }
      return a.length - b.length;
    });
  }
  if (left instanceof Undefined) left.fail();
  if (right instanceof Undefined) right.fail();
  return failType(`'${operator}' not supported between instances of '${nameType(left)}' and '${nameType(right)}'`);
}

/** By code points, as Python: UTF-16 units of pairs stand before some others. */
function compareText(left: string, right: string): number {
  if (left === right) return 0;
  for (let i = 0; ; i++) {
    const [a, b] = [left.charCodeAt(i), right.charCodeAt(i)];
    if (a === b) continue;
    if (Number.isNaN(a)) return -1;
    if (Number.isNaN(b)) return 1;
    const [isHalf, isOther] = [(a & 0xf800) === 0xd800, (b & 0xf800) === 0xd800];
    return isHalf === isOther ? a - b : isHalf ? 1 : -1;
  }
}

/** Python's `in`. */
export function contains(meter: Meter, container: Value, wanted: Value): boolean {
  if (typeof container === 'string') {
    if (wanted instanceof Undefined) wanted.fail();
    if (typeof wanted !== 'string') failType(`'in <string>' requires string as left operand, not ${nameType(wanted)}`);
    meter.read(container.length);
    meter.search(container, wanted as string);
    return container.includes(wanted as string);
  }
  if (isDict(container)) return getItem(container, wanted) !== undefined;
  if (container instanceof View || container instanceof Once || container instanceof Undefined || itemsOf(container)) {
    for (const item of iterate(container)) {
      if (isEqualStep(meter, item, wanted)) return true;
    }
    return false;
  }
  return failType(`argument of type '${nameType(container)}' is not iterable`);
}

export type Arithmetic = '+' | '-' | '*' | '/' | '//' | '%' | '**';

/** @throws TemplateError if the types do not fit. */
export function calculate(meter: Meter, operator: Arithmetic, left: Value, right: Value): Value {
  if (left instanceof Undefined) left.fail();
  if (right instanceof Undefined && !(operator === '%' && typeof left === 'string')) right.fail();
  if (isNumber(left) && isNumber(right)) return calculateNumbers(meter, operator, toNumber(left), toNumber(right));
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') {
      meter.read(left.length + right.length);
      return left + right;
    }
    if ((isList(left) && isList(right)) || (left instanceof Tuple && right instanceof Tuple)) {
      const [a, b] = [itemsOf(left) as readonly Value[], itemsOf(right) as readonly Value[]];
      meter.charge(a.length + b.length);
      return isList(left) ? [...a, ...b] : new Tuple([...a, ...b]);
    }
  }
  if (operator === '*') {
    const repeated = repeat(meter, left, right) ?? repeat(meter, right, left);
    if (repeated !== undefined) return repeated;
  }
  if (operator === '%' && typeof left === 'string') return formatPercent(meter, left, toFormatFields(right));
  if (typeof left === 'string' && operator === '+')
    failType(`can only concatenate str (not "${nameType(right)}") to str`);
  return failType(`unsupported operand type(s) for ${operator}: '${nameType(left)}' and '${nameType(right)}'`);
}

const toFormatFields = (value: Value): FormatFields =>
  value instanceof Tuple
    ? { positional: value.items }
    : { positional: [value], ...(isDict(value) && { named: value }) };

function repeat(meter: Meter, value: Value, times: Value): Value | undefined {
  const items = isList(value) ? value : value instanceof Tuple ? value.items : undefined;
  if (typeof value !== 'string' && items === undefined) return undefined;
  if (typeof times !== 'bigint' && typeof times !== 'boolean') return undefined;
  const count = Math.max(0, Number(times));
  if (typeof value === 'string') {
    meter.copy(value.length * count);
    return value.repeat(value === '' ? 0 : count);
  }
  meter.charge((items as readonly Value[]).length * count);
  const repeated = Array.from({ length: items?.length === 0 ? 0 : count }, () => items as readonly Value[]).flat();
  return isList(value) ? repeated : new Tuple(repeated);
}

function calculateNumbers(
  meter: Meter,
  operator: Arithmetic,
  left: bigint | number,
  right: bigint | number,
): bigint | number {
  if (typeof left === 'bigint' && typeof right === 'bigint' && operator !== '/' && !(operator === '**' && right < 0n))
    return meter.count(calculateIntegers(meter, operator, left, right));
  const [a, b] = [Number(left), Number(right)];
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / (b === 0 ? failType('division by zero') : b);
    case '//':
      return Math.floor(a / (b === 0 ? failType('float floor division by zero') : b));
    case '%': {
      const rest = a % (b === 0 ? failType('float modulo by zero') : b);
      return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
    }
    case '**':
      return a ** b;
  }
}

function calculateIntegers(meter: Meter, operator: Exclude<Arithmetic, '/'>, a: bigint, b: bigint): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '**':
      // A base of n bits becomes n times the exponent.
      meter.count(a * a <= 1n ? 0n : 1n << (BigInt(a.toString(2).length - 1) * (b > 4_096n ? 4_097n : b)));
      return a ** b;
    default: {
      if (b === 0n) failType('integer division or modulo by zero');
      const rest = a % b;
      const isOtherSign = rest !== 0n && rest < 0n !== b < 0n;
      if (operator === '%') return isOtherSign ? rest + b : rest;
      return isOtherSign ? a / b - 1n : a / b;
    }
  }
}

/** Python's `reversed`. @throws TemplateError for values without an order. */
export function reverse(meter: Meter, value: Value): Value {
  if (typeof value === 'string') {
    meter.copy(value.length);
    return [...value].reverse().join('');
  }
  const items = [...iterate(value)];
  meter.charge(items.length);
  return new Once(items.reverse()[Symbol.iterator]());
}

/** A part of a sequence, by Python's rules for slices. */
export function slice(
  meter: Meter,
  value: Value,
  bounds: { readonly start: Value; readonly stop: Value; readonly step: Value },
): Value {
  const length = findLength(value);
  const isSliced = typeof value === 'string' || itemsOf(value) !== undefined;
  if (!isSliced || length === undefined) {
    if (value instanceof Once) failType("'generator' object is not subscriptable");
    return new Undefined(`${nameType(value)} object has no element slice`);
  }
  const step = toBound(bounds.step) ?? 1;
  if (step === 0) failType('slice step cannot be zero');
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (bound: Value, absent: number): number => {
    const given = toBound(bound);
    if (given === undefined) return absent;
    return Math.min(most, Math.max(least, given < 0 ? given + length : given));
  };
  const start = place(bounds.start, step > 0 ? 0 : length - 1);
  const stop = place(bounds.stop, step > 0 ? length : -1);
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (typeof value === 'string') {
    meter.copy(length);
    if (step === 1 && length === value.length) return value.slice(start, Math.max(start, stop));
    const characters = length === value.length ? value : [...value];
    return Array.from({ length: count }, (_, i) => characters[start + i * step]).join('');
  }
  meter.charge(count);
  const items = itemsOf(value) as readonly Value[];
  const part = Array.from({ length: count }, (_, i) => items[start + i * step] as Value);
  if (value instanceof RangeValue) {
    const [first, , each] = value.bounds;
    const [from, to] = [first + BigInt(start) * each, first + BigInt(stop) * each];
    return new RangeValue([from, to, each * BigInt(step)], part as readonly bigint[]);
  }
  return isList(value) ? part : new Tuple(part);
}

function toBound(value: Value): number | undefined {
  if (value === null) return undefined;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return Number(value);
  return failType('slice indices must be integers or None or have an __index__ method');
}

/** `~`: both sides as texts. */
export function join(meter: Meter, parts: readonly Value[]): string {
  const texts = parts.map((part) => writeText(meter, part));
  meter.read(texts.reduce((sum, text) => sum + text.length, 0));
  return texts.join('');
}
