import { GrammarError } from '../grammar-error.ts';

/** Digits of an integer that has no bound on its side. All such integers are exact in a double. */
const DIGITS = 15;
/** Digits of the largest bound of an integer. */
const MAX_DIGITS = 40;
/** The largest whole part with decimals. Beyond it a number would round to its bound. */
const LARGEST_WITH_DECIMALS = 10n ** 9n;

export interface Bounds {
  /** Absent: as many digits as the other bound has, and 15 at least. */
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
}

const countDigits = (value: bigint | undefined): number => String(value ?? 0n).replace('-', '').length;

/**
 * Creates the rule of integers from `low` to `high`, in decimal without leading zeros. @throws GrammarError if there is none.
 */
export function integersWithin({ low, high }: Bounds): string {
  const length = Math.max(DIGITS, countDigits(low), countDigits(high));
  if (length > MAX_DIGITS) throw new GrammarError('unsupported-schema', `a bound has more than ${MAX_DIGITS} digits`);
  const reach = 10n ** BigInt(length) - 1n;
  const [least, most] = [low ?? -reach, high ?? reach];
  if (least > most) throw new GrammarError('unsupported-schema', 'minimum and maximum leave no number');
  const options: string[] = [];
  if (least < 0n) options.push(`"-" ${naturals(most < -1n ? -most : 1n, -least)}`);
  if (most >= 0n) options.push(naturals(least > 0n ? least : 0n, most));
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}

/** @param low at least 0. */
function naturals(low: bigint, high: bigint): string {
  const options: string[] = [];
  for (let from = low; from <= high; ) {
    // All numbers of one length.
    const last = 10n ** BigInt(String(from).length) - 1n;
    const to = last < high ? last : high;
    options.push(...sameLength(String(from), String(to)));
    from = to + 1n;
  }
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}

const digits = (count: number): string => (count === 0 ? '' : count === 1 ? ' [0-9]' : ` [0-9]{${count}}`);
const digit = (first: number, last: number): string => (first === last ? `"${first}"` : `[${first}-${last}]`);

/**
 * Creates the rules of numbers with equal length from `low` to `high`: one option for each first digit that differs from both.
 */
function sameLength(low: string, high: string): string[] {
  const [a, b] = [Number(low[0]), Number(high[0])];
  const rest = low.length - 1;
  if (rest === 0) return [digit(a, b)];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const isLowOpen = /^0+$/.test(lowRest);
  const isHighOpen = /^9+$/.test(highRest);
  if (a === b) {
    return isLowOpen && isHighOpen ? [digit(a, b) + digits(rest)] : group(digit(a, a), sameLength(lowRest, highRest));
  }
  const [from, to] = [isLowOpen ? a : a + 1, isHighOpen ? b : b - 1];
  return [
    ...(isLowOpen ? [] : group(digit(a, a), sameLength(lowRest, '9'.repeat(rest)))),
    ...(from <= to ? [digit(from, to) + digits(rest)] : []),
    ...(isHighOpen ? [] : group(digit(b, b), sameLength('0'.repeat(rest), highRest))),
  ];
}

const group = (first: string, options: readonly string[]): string[] => [
  options.length === 1 ? `${first} ${options[0]}` : `${first} (${options.join(' | ')})`,
];

/** Bounds of a schema. A whole one is a bigint. */
export interface NumberBounds {
  readonly minimum: bigint | number | undefined;
  readonly maximum: bigint | number | undefined;
  readonly exclusiveMinimum: bigint | number | undefined;
  readonly exclusiveMaximum: bigint | number | undefined;
}

const larger = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;
const smaller = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;

/** Creates the rule of the integers within bounds that need not be whole. @throws GrammarError if there is none. */
export function integersBetween({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: NumberBounds): string {
  const toWhole = (bound: bigint | number | undefined, round: (value: number) => number): bigint | undefined =>
    bound === undefined || typeof bound === 'bigint' ? bound : BigInt(round(bound));
  const [above, below] = [toWhole(exclusiveMinimum, Math.floor), toWhole(exclusiveMaximum, Math.ceil)];
  return integersWithin({
    low: larger(toWhole(minimum, Math.ceil), above === undefined ? undefined : above + 1n),
    high: smaller(toWhole(maximum, Math.floor), below === undefined ? undefined : below - 1n),
  });
}

/**
 * Creates the rule of numbers within whole bounds, with at most six decimals behind a whole part below 10^9. @throws GrammarError
 * naming the bound that cannot be expressed.
 */
export function numbersWithin(bounds: NumberBounds): string {
  const [minimum, maximum, exclusiveMinimum, exclusiveMaximum] = (
    ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const
  ).map((keyword) => {
    const bound = bounds[keyword];
    if (bound === undefined || typeof bound === 'bigint') return bound;
    const message = `${keyword} of a number must be whole here; use an integer or leave it out`;
    throw new GrammarError('unsupported-schema', message);
  });
  const low = larger(minimum, exclusiveMinimum) ?? -LARGEST_WITH_DECIMALS;
  const high = smaller(maximum, exclusiveMaximum) ?? LARGEST_WITH_DECIMALS;
  const options: string[] = [];
  const whole = { low: exclusiveMinimum === low ? low + 1n : low, high: exclusiveMaximum === high ? high - 1n : high };
  if (whole.low <= whole.high) options.push(integersWithin(whole));
  // Between two whole numbers. The whole part excludes zero.
  const between = `"." [0-9]{0,5} [1-9]`;
  const [from, to] = [larger(low, -LARGEST_WITH_DECIMALS) as bigint, smaller(high, LARGEST_WITH_DECIMALS) as bigint];
  const [up, down] = [larger(from, 0n) as bigint, smaller(to, 0n) as bigint];
  if (to > up) options.push(`${naturals(up, to - 1n)} ${between}`);
  if (from < down) options.push(`"-" ${naturals(-down, -from - 1n)} ${between}`);
  if (options.length === 0) throw new GrammarError('unsupported-schema', 'minimum and maximum leave no number');
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}
