const DECIMALS = 18;
/** Significant digits of an amount for people. */
const DIGITS = 6;

/**
 * Writes an amount for people: in whole tokens, cut to six significant digits, with groups of three digits. The exact amount belongs
 * in JSON.
 * @param atomic atomic units, not negative.
 */
export function formatAmount(atomic: bigint): string {
  const unit = 10n ** BigInt(DECIMALS);
  const whole = (atomic / unit).toString();
  const fraction = (atomic % unit).toString().padStart(DECIMALS, '0');
  const leading = atomic >= unit ? 0 : fraction.length - fraction.replace(/^0+/, '').length;
  const kept = atomic >= unit ? Math.max(0, DIGITS - whole.length) : leading + DIGITS;
  const shown = fraction.slice(0, kept).replace(/0+$/, '');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return shown === '' ? grouped : `${grouped}.${shown}`;
}
