/** A value of a running template. The library exports none of its classes, so `type` tells them apart. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
  readonly builtins: ReadonlyMap<string, Value>;
}

/** An argument of a filter or a method. */
export interface Argument {
  readonly value: Value;
  /** Of an argument that is given by name. */
  readonly name?: string;
}

/** Characters that an operation copies in the time of one step. */
const COPIED = 16;
/** Of the filter `tojson`. */
const MAX_INDENT = 16;
/** An escaped character is written with six. */
const ESCAPED = 6;

export const isString = (value: Value | undefined): value is Value & { readonly value: string } =>
  value?.type === 'StringValue';
const isList = (value: Value): value is Value & { readonly value: readonly Value[] } => Array.isArray(value.value);
const isMap = (value: Value): value is Value & { readonly value: ReadonlyMap<string, Value> } =>
  value.value instanceof Map;

/** Returns the elements of a list or the entries of an object. A text has none. */
export const countElements = (value: Value): number =>
  isList(value) ? value.value.length : isMap(value) ? value.value.size : 0;

interface Measure {
  /** Values and characters, each as often as it would be written. */
  readonly size: number;
  readonly depth: number;
}

/** Measures a value with all that it contains. A value that contains itself ends the library's own recursion. */
export function measure(value: Value, seen = new Map<Value, Measure>()): Measure {
  if (isString(value)) return { size: value.value.length + 1, depth: 1 };
  const known = seen.get(value);
  if (known !== undefined) return known;
  let measured: Measure = { size: 1, depth: 1 };
  seen.set(value, measured);
  let { size, depth } = measured;
  const add = (part: Value): void => {
    const inner = measure(part, seen);
    size += inner.size;
    depth = Math.max(depth, inner.depth + 1);
  };
  if (isList(value)) value.value.forEach(add);
  else if (isMap(value))
    for (const [key, part] of value.value) {
      size += key.length;
      add(part);
    }
  measured = { size, depth };
  seen.set(value, measured);
  return measured;
}

const FREE = new Set(['default', 'first', 'get', 'last', 'length', 'list', 'safe']);

/**
 * Computes the steps of a filter or a method from its operand, before it runs.
 * @throws Error if an argument makes the result absurd.
 */
export function computeSteps(name: string, operand: Value, args: readonly Argument[]): number {
  const positional = args.filter((each) => each.name === undefined).map(({ value }) => value);
  const find = (at: number, wanted: string): Value | undefined =>
    positional[at] ?? args.find((each) => each.name === wanted)?.value;
  const lengthOf = (value: Value | undefined): number => (isString(value) ? value.value.length : 0);
  const numberOf = (value: Value | undefined): number => (typeof value?.value === 'number' ? value.value : 0);
  const length = lengthOf(operand);
  const count = countElements(operand);
  switch (name) {
    case 'tojson': {
      const indent = numberOf(args.find((each) => each.name === 'indent')?.value);
      if (indent > MAX_INDENT) throw new Error(`it indents JSON by more than ${MAX_INDENT}`);
      const { size, depth } = measure(operand);
      return (size * (ESCAPED + indent * depth)) / COPIED;
    }
    case 'string':
      return (measure(operand).size * ESCAPED) / COPIED;
    case 'join': {
      const parts = count || length;
      return parts + (measure(operand).size + parts * lengthOf(find(0, 'separator'))) / COPIED;
    }
    case 'sort':
    case 'dictsort':
      return count + (measure(operand).size * Math.log2(count + 2)) / 2;
    case 'unique':
      return count + measure(operand).size / COPIED;
    case 'indent': {
      const width = Math.max(0, positional.length > 0 || args.length > 0 ? numberOf(find(0, 'width')) : 4);
      return (length + width * countLines(operand)) / COPIED;
    }
    case 'replace': {
      const [from, to] = positional;
      return (length + Math.ceil((length + 1) / Math.max(1, lengthOf(from))) * lengthOf(to)) / COPIED;
    }
    case 'split':
      return length / COPIED + length / Math.max(2, lengthOf(positional[0]));
    default:
      return FREE.has(name) ? 0 : count + length / COPIED;
  }
}

function countLines(value: Value): number {
  if (!isString(value)) return 0;
  let lines = 1;
  for (let at = value.value.indexOf('\n'); at >= 0; at = value.value.indexOf('\n', at + 1)) lines++;
  return lines;
}
