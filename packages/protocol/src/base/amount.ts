/** Digits of a whole token after the point. */
export const TOKEN_DECIMALS = 18;

const UNITS = ['ogong', 'orog', 'credit', 'credits'];
/** Digits after the point that matter to a person. */
const SHOWN_DIGITS = 6;

/**
 * Parses a written amount. A point or a unit means tokens (`0.001`, `12 OGONG`). The word `atomic` means atomic units (`1000 atomic`).
 * The caller decides about a whole number without a unit.
 * @returns atomic units; undefined for any other text, or one finer than an atomic unit.
 */
export function parseAmount(
  written: string,
  {
    bare,
    decimals = TOKEN_DECIMALS,
    units = UNITS,
  }: {
    readonly bare: 'tokens' | 'atomic';
    readonly decimals?: number;
    /** Accepted names of whole units. */
    readonly units?: readonly string[];
  },
): bigint | undefined {
  const [, whole = '', fraction, named = ''] =
    /^(\d{1,40})(?:\.(\d{1,36}))?\s*([a-z]\S*)?$/i.exec(written.trim()) ?? [];
  if (whole === '') return undefined;
  const unit = named.toLowerCase();
  const isAtomic = unit === 'atomic' || (unit === '' && fraction === undefined && bare === 'atomic');
  if (isAtomic) return fraction === undefined ? BigInt(whole) : undefined;
  if (unit !== '' && !units.some((one) => one.toLowerCase() === unit)) return undefined;
  return (fraction ?? '').length > decimals ? undefined : BigInt(whole + (fraction ?? '').padEnd(decimals, '0'));
}

/** Formats an amount with all of its digits, without trailing zeros. */
export const formatExactTokens = (atomic: bigint, decimals = TOKEN_DECIMALS): string =>
  writeTokens(atomic, decimals, decimals);

/**
 * Formats an amount for a person: thousands are grouped, and at most six digits after the point matter. It is never rounded up. Machines
 * read the exact value in JSON.
 */
export const formatTokens = (atomic: bigint, decimals = TOKEN_DECIMALS): string =>
  writeTokens(atomic, decimals, SHOWN_DIGITS);

function writeTokens(atomic: bigint, decimals: number, mostDigits: number): string {
  if (atomic < 0n) return `-${writeTokens(-atomic, decimals, mostDigits)}`;
  const unit = 10n ** BigInt(decimals);
  const grouped = (atomic / unit).toString().replace(/\B(?=(\d{3})+$)/g, ',');
  const digits = (atomic % unit).toString().padStart(decimals, '0');
  // Leading zeros of a part of a token say how small it is, and count for none.
  const first = atomic < unit ? Math.max(0, digits.search(/[1-9]/)) : 0;
  const fraction = digits.slice(0, first + mostDigits).replace(/0+$/, '');
  return decimals === 0 || fraction === '' ? grouped : `${grouped}.${fraction}`;
}
