import type { Meter } from './meter.ts';
import { failType, isNumber, nameType, orElse, TemplateError, type Value } from './values.ts';
import { writeRepr, writeText } from './write.ts';

/** The values of a format string, by place and by name. */
export interface FormatFields {
  readonly positional: readonly Value[];
  readonly named?: ReadonlyMap<Value, Value>;
}

const MAX_WIDTH = 4_096;
const PERCENT = /%(?:\((?<name>[^()]*)\))?(?<flags>[-+ #0]*)(?<width>\d*)(?:\.(?<precision>\d+))?(?<kind>.)/gs;

/** Python's `%` with a text on the left. @throws TemplateError if the values do not fit. */
export function formatPercent(meter: Meter, format: string, { positional, named }: FormatFields): string {
  meter.copy(format.length);
  let next = 0;
  const take = (): Value =>
    next < positional.length ? (positional[next++] as Value) : failType('not enough arguments for format string');
  const written = format.replaceAll(PERCENT, (...match) => {
    const groups = match.at(-1) as Readonly<Record<string, string | undefined>>;
    const { name, flags = '', width = '', precision, kind = '' } = groups;
    if (kind === '%') return '%';
    const value = name === undefined ? take() : orElse(named?.get(name), () => failType(`'${name}'`));
    meter.charge(1);
    return pad(
      writeField(meter, value, {
        kind,
        precision: toCount(precision),
        sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '',
      }),
      {
        width: toCount(width) ?? 0,
        align: flags.includes('-') ? '<' : '>',
        fill: flags.includes('0') && !flags.includes('-') && 'dixXofFeEgG'.includes(kind) ? '0' : ' ',
      },
    );
  });
  if (named === undefined && next < positional.length) failType('not all arguments converted during string formatting');
  meter.copy(written.length);
  return written;
}

function toCount(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const count = Number(text);
  return count <= MAX_WIDTH ? count : failType(`it formats a field of more than ${MAX_WIDTH} characters`);
}

interface Field {
  readonly kind: string;
  readonly precision: number | undefined;
  readonly sign: string;
}

function writeField(meter: Meter, value: Value, { kind, precision, sign }: Field): string {
  if (kind === 's') return cut(writeText(meter, value), precision);
  if (kind === 'r' || kind === 'a') return cut(writeRepr(meter, value), precision);
  if (kind === 'c' && typeof value === 'string') return value;
  if (!isNumber(value)) return failType(`%${kind} format: a real number is required, not ${nameType(value)}`);
  return writeNumber(value, { kind: kind === 'i' || kind === 'u' ? 'd' : kind, precision, sign });
}

const cut = (text: string, length: number | undefined): string =>
  length === undefined ? text : [...text].slice(0, length).join('');

function writeNumber(value: boolean | bigint | number, { kind, precision, sign }: Field): string {
  const isNegative = Number(value) < 0 || Object.is(value, -0);
  return (isNegative ? '-' : sign) + writeSize(value, kind, precision);
}

/** A number without its sign. */
function writeSize(value: boolean | bigint | number, kind: string, precision: number | undefined): string {
  const whole = (): bigint => {
    const given = typeof value === 'number' ? BigInt(Math.trunc(value)) : BigInt(value);
    return given < 0n ? -given : given;
  };
  const size = Math.abs(Number(value));
  switch (kind) {
    case 'd':
      return String(whole());
    case 'x':
      return whole().toString(16);
    case 'X':
      return whole().toString(16).toUpperCase();
    case 'o':
      return whole().toString(8);
    case 'b':
      return whole().toString(2);
    case 'f':
    case 'F':
      return toFixed(size, precision ?? 6);
    case '%':
      return `${toFixed(size * 100, precision ?? 6)}%`;
    case 'e':
    case 'E': {
      const written = size.toExponential(Math.min(precision ?? 6, 100)).replace(/e([+-])(\d)$/, 'e$10$2');
      return kind === 'e' ? written : written.toUpperCase();
    }
    default:
      return failType(`unsupported format character '${kind}'`);
  }
}

function toFixed(size: number, digits: number): string {
  if (!Number.isFinite(size)) return Number.isNaN(size) ? 'nan' : 'inf';
  if (digits > 100 || size >= 1e21) throw new TemplateError('it formats a number of too many digits');
  return writeFixed(size, digits);
}

/**
 * Writes digits behind the point as Python does: of the exact binary value, halves to the even neighbour.
 * @param value below 1e21.
 * @param digits at most 100.
 */
export function writeFixed(value: number, digits: number): string {
  const exact = value.toFixed(100);
  const end = exact.indexOf('.') + 1 + digits;
  const isHalf = /^50*$/.test(exact.slice(end));
  const kept = exact.slice(0, end).replace(/\.$/, '');
  // `toFixed` takes the neighbour away from zero.
  return isHalf && /[02468]$/.test(kept) ? kept : value.toFixed(digits);
}

function pad(
  text: string,
  { width, align, fill }: { readonly width: number; readonly align: string; readonly fill: string },
): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  const room = fill.repeat(missing);
  if (align === '<') return text + room;
  if (align === '^') return fill.repeat(Math.floor(missing / 2)) + text + fill.repeat(Math.ceil(missing / 2));
  const sign = fill === '0' || align === '=' ? (/^[-+ ]/.exec(text)?.[0] ?? '') : '';
  return sign + room + text.slice(sign.length);
}

const BRACES = /\{\{|\}\}|\{(?<name>[^{}!:]*)(?:!(?<conversion>[rsa]))?(?::(?<spec>[^{}]*))?\}|[{}]/g;
const SPEC =
  /^(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ]?)(?<zero>0?)(?<width>\d*)(?<comma>,?)(?:\.(?<precision>\d+))?(?<kind>[a-zA-Z%]?)$/su;

/** Python's `str.format`, without fields of fields. @throws TemplateError if the values do not fit. */
export function formatBraces(meter: Meter, format: string, { positional, named }: FormatFields): string {
  meter.copy(format.length);
  let next = 0;
  let isManual = false;
  const written = format.replaceAll(BRACES, (...match) => {
    const [whole] = match as unknown as readonly [string];
    if (whole === '{{') return '{';
    if (whole === '}}') return '}';
    if (whole.length === 1) return failType(`Single '${whole}' encountered in format string`);
    const { name = '', conversion, spec = '' } = match.at(-1) as Readonly<Record<string, string | undefined>>;
    const isNumbered = /^\d+$/.test(name);
    if (isNumbered) isManual = true;
    const place = name === '' ? next++ : isNumbered ? Number(name) : undefined;
    if (isManual && next > 0) return failType('cannot switch between automatic field numbering and manual');
    const value = place === undefined ? named?.get(name) : positional[place];
    if (value === undefined) return failType(`format: no value for '${name === '' ? place : name}'`);
    meter.charge(1);
    const converted =
      conversion === undefined ? value : conversion === 's' ? writeText(meter, value) : writeRepr(meter, value);
    return formatSpec(meter, converted, spec);
  });
  meter.copy(written.length);
  return written;
}

function formatSpec(meter: Meter, value: Value, spec: string): string {
  if (spec === '') return writeText(meter, value);
  const read = SPEC.exec(spec)?.groups as Readonly<Record<string, string | undefined>> | undefined;
  if (read === undefined) return failType(`Invalid format specifier '${spec}'`);
  const { fill, align, sign = '', zero = '', width = '', comma = '', precision, kind = '' } = read;
  const isNumeric = isNumber(value) && typeof value !== 'boolean';
  const field = { precision: toCount(precision), sign: sign === '-' ? '' : sign };
  let text: string;
  if (isNumeric && (kind !== '' || precision !== undefined || comma !== ''))
    text = writeNumber(value, { ...field, kind: kind || (typeof value === 'bigint' ? 'd' : 'f') });
  else if (isNumeric) text = (Number(value) >= 0 ? field.sign : '') + writeText(meter, value);
  else text = cut(writeText(meter, value), field.precision);
  if (comma !== '') text = text.replace(/\d+/, (digits) => digits.replaceAll(/\B(?=(?:\d{3})+$)/g, ','));
  return pad(text, {
    width: toCount(width) ?? 0,
    align: align ?? (zero ? '=' : isNumeric ? '>' : '<'),
    fill: fill ?? (zero || ' '),
  });
}
