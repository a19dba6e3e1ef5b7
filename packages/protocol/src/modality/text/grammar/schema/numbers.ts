import { GrammarError } from '../grammar-error.ts';

/** Digits of the largest written integer. All such integers are exact in a double. */
const DIGITS = 15;
const LARGEST = 10 ** DIGITS - 1;
/** The largest bound. Beyond it a bounded number would round to its bound. */
const LARGEST_BOUND = 10 ** 9;

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/**
 * Creates the rule of integers from `low` to `high`, in decimal without leading zeros. @throws GrammarError if there is none.
 */
export function integersWithin({ low, high }: Bounds): string {
  const least = Math.max(Math.ceil(low), -LARGEST);
  const most = Math.min(Math.floor(high), LARGEST);
  if (least > most)
    throw new GrammarError('unsupported-schema', 'minimum and maximum leave no number of at most 15 digits');
  const options: string[] = [];
  if (least < 0) options.push(`"-" ${naturals(Math.max(1, -most), -least)}`);
  if (most >= 0) options.push(naturals(Math.max(0, least), most));
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}

/** @param low at least 0. */
function naturals(low: number, high: number): string {
  const options: string[] = [];
  for (let from = low; from <= high; ) {
    // All numbers of one length.
    const to = Math.min(high, 10 ** String(from).length - 1);
    options.push(...sameLength(String(from), String(to)));
    from = to + 1;
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

export interface NumberBounds {
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly exclusiveMinimum: number | undefined;
  readonly exclusiveMaximum: number | undefined;
}

/**
 * Creates the rule of numbers with at most six decimals within whole bounds. @throws GrammarError naming the bound that cannot
 * be expressed.
 */
export function numbersWithin(bounds: NumberBounds): string {
  for (const [keyword, bound] of Object.entries(bounds)) {
    if (bound !== undefined && !(Number.isInteger(bound) && Math.abs(bound) <= LARGEST_BOUND))
      throw new GrammarError(
        'unsupported-schema',
        `${keyword} of a number must be whole here, at most ${LARGEST_BOUND}; use an integer or leave it out`,
      );
  }
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = bounds;
  const low = Math.max(minimum ?? -LARGEST_BOUND, exclusiveMinimum ?? -LARGEST_BOUND);
  const high = Math.min(maximum ?? LARGEST_BOUND, exclusiveMaximum ?? LARGEST_BOUND);
  const isLowOpen = exclusiveMinimum === low;
  const isHighOpen = exclusiveMaximum === high;
  const options: string[] = [];
  const whole = { low: isLowOpen ? low + 1 : low, high: isHighOpen ? high - 1 : high };
  if (whole.low <= whole.high) options.push(integersWithin(whole));
  // Between two whole numbers. The whole part excludes zero.
  const between = `"." [0-9]{0,5} [1-9]`;
  if (high > Math.max(low, 0)) options.push(`${naturals(Math.max(low, 0), high - 1)} ${between}`);
  if (low < Math.min(high, 0)) options.push(`"-" ${naturals(Math.max(-high, 0), -low - 1)} ${between}`);
  if (options.length === 0) throw new GrammarError('unsupported-schema', 'minimum and maximum leave no number');
  return options.length === 1 ? (options[0] as string) : `(${options.join(' | ')})`;
}
