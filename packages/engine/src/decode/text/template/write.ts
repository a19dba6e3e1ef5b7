import type { Meter } from './meter.ts';
import {
  Callable,
  failType,
  isDict,
  isList,
  Namespace,
  nameType,
  Once,
  RangeValue,
  Tuple,
  Undefined,
  type Value,
  View,
} from './values.ts';

/** Python's repr of a float: the shortest digits, with an exponent below 1e-4 and from 1e16 on. */
export function writeFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 16)
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, '0');
  return `${sign}${whole}.${digits.slice(power + 1) || '0'}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

/** Characters that Python's repr of a string escapes: controls, separators but the space, and what has no meaning. */
const UNPRINTABLE = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

function writeQuoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(UNPRINTABLE, (character) => {
    const known = ESCAPES[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0) as number;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

/** Python's `str`: the text of a value in a prompt. */
export function writeText(meter: Meter, value: Value): string {
  if (typeof value === 'string') return value;
  return value instanceof Undefined ? '' : writeRepr(meter, value);
}

/** Python's `repr`. */
export function writeRepr(meter: Meter, value: Value): string {
  if (value === null) return 'None';
  switch (typeof value) {
    case 'boolean':
      return value ? 'True' : 'False';
    case 'bigint':
      return String(value);
    case 'number':
      return writeFloat(value);
    case 'string':
      meter.copy(value.length);
      return writeQuoted(value);
  }
  if (value instanceof Undefined) return 'Undefined';
  return meter.nest(() => {
    const repr = writeParts(meter, value);
    meter.read(repr.length);
    return repr;
  });
}

function writeParts(
  meter: Meter,
  value: Exclude<Value, null | boolean | bigint | number | string | Undefined>,
): string {
  const writeAll = (items: Iterable<Value>): string => {
    const parts: string[] = [];
    for (const item of items) {
      meter.charge(1);
      parts.push(writeRepr(meter, item));
    }
    return parts.join(', ');
  };
  const writeMembers = (members: ReadonlyMap<Value, Value>): string => {
    const parts: string[] = [];
    for (const [key, member] of members) {
      meter.charge(1);
      parts.push(`${writeRepr(meter, key)}: ${writeRepr(meter, member)}`);
    }
    return `{${parts.join(', ')}}`;
  };
  if (isList(value)) return `[${writeAll(value)}]`;
  if (isDict(value)) return writeMembers(value);
  if (value instanceof Tuple) return `(${writeAll(value.items)}${value.items.length === 1 ? ',' : ''})`;
  if (value instanceof View) return `${value.kind}([${writeAll(value)}])`;
  if (value instanceof RangeValue) {
    const [start, stop, step] = value.bounds;
    return `range(${start}, ${stop}${step === 1n ? '' : `, ${step}`})`;
  }
  if (value instanceof Namespace) return `<Namespace ${writeMembers(value.members)}>`;
  if (value instanceof Callable) return `<Macro ${writeQuoted(value.name)}>`;
  if (value instanceof Once) return '<generator object>';
  return `<${value.name}>`;
}

/** Settings of Python's `json.dumps`. */
export interface JsonStyle {
  /** The blanks of each level, if each item has its own line. */
  readonly indent: string | undefined;
  readonly separators: readonly [item: string, key: string];
  readonly sortsKeys: boolean;
  readonly isAscii: boolean;
}

const writeJsonText = (text: string, { isAscii }: JsonStyle): string => {
  const written = JSON.stringify(text);
  if (!isAscii) return written;
  return written.replaceAll(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
};

const writeJsonFloat = (value: number): string => {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? writeFloat(value) : value > 0 ? 'Infinity' : '-Infinity';
};

/** Python's `json.dumps`. @throws TemplateError for a value that JSON does not have. */
export function writeJson(meter: Meter, value: Value, style: JsonStyle, level = 0): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'bigint':
      return String(value);
    case 'number':
      return writeJsonFloat(value);
    case 'string':
      meter.copy(value.length);
      return writeJsonText(value, style);
  }
  if (isList(value) || value instanceof Tuple) {
    const items = isList(value) ? value : value.items;
    return writeNested(meter, ['[', ']'], items, {
      style,
      level,
      write: (item) => writeJson(meter, item, style, level + 1),
    });
  }
  if (!isDict(value)) return failType(`Object of type ${nameType(value)} is not JSON serializable`);
  const members = [...value].map(([key, member]) => [toJsonKey(key), member] as const);
  if (style.sortsKeys) {
    meter.charge(members.length * Math.log2(members.length + 2));
    members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }
  const write = ([key, member]: readonly [string, Value]): string => {
    meter.copy(key.length);
    return writeJsonText(key, style) + style.separators[1] + writeJson(meter, member, style, level + 1);
  };
  return writeNested(meter, ['{', '}'], members, { style, level, write });
}

function writeNested<T>(
  meter: Meter,
  [open, close]: readonly [string, string],
  items: readonly T[],
  { style, level, write }: { readonly style: JsonStyle; readonly level: number; readonly write: (item: T) => string },
): string {
  if (items.length === 0) return open + close;
  const { indent } = style;
  const [before, between, after] =
    indent === undefined
      ? ['', style.separators[0], '']
      : [
          `\n${indent.repeat(level + 1)}`,
          `${style.separators[0]}\n${indent.repeat(level + 1)}`,
          `\n${indent.repeat(level)}`,
        ];
  return meter.nest(() => {
    const parts = items.map((item) => {
      meter.charge(1);
      meter.copy(between.length);
      return write(item);
    });
    const written = open + before + parts.join(between) + after + close;
    meter.read(written.length);
    return written;
  });
}

function toJsonKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null) return 'null';
  if (typeof key === 'boolean' || typeof key === 'bigint') return String(key);
  if (typeof key === 'number') return writeJsonFloat(key);
  return failType(`keys must be str, int, float, bool or None, not ${nameType(key)}`);
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

/** Escapes the marks of HTML, as markupsafe does. */
export function escapeHtml(meter: Meter, text: string): string {
  meter.copy(text.length * 5);
  return text.replaceAll(/[&<>'"]/g, (character) => HTML_ESCAPES[character] as string);
}
