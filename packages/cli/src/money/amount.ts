import { define } from '@ogong/host/config/values';

const DECIMALS = 18;
const UNIT = 10n ** BigInt(DECIMALS);
const MOST = 2n ** 128n - 1n;

/** `12.5` and `12.5 OGONG` are tokens; `1000 atomic` are atomic units. Undefined where it is neither, or finer than a unit. */
export function parseAmount(value: string): bigint | undefined {
  const match = /^(\d{1,40})(?:\.(\d{1,18}))?\s*(ogong|atomic)?$/i.exec(value.trim());
  if (match === null) return undefined;
  const [, whole = '', fraction = '', unit = 'ogong'] = match;
  if (unit.toLowerCase() === 'atomic' && fraction !== '') return undefined;
  const atomic =
    unit.toLowerCase() === 'atomic' ? BigInt(whole) : BigInt(whole) * UNIT + BigInt(fraction.padEnd(DECIMALS, '0'));
  return atomic > 0n && atomic <= MOST ? atomic : undefined;
}

/** A flag with an amount of money. */
export const tokenAmount = define(
  'an amount above 0, such as 12.5, "12.5 OGONG" or "1000 atomic"',
  '<amount>',
  parseAmount,
);

/** All digits of it, without trailing zeros. */
export function formatTokens(atomic: bigint, decimals = DECIMALS): string {
  const unit = 10n ** BigInt(decimals);
  const fraction = (atomic % unit).toString().padStart(decimals, '0').replace(/0+$/, '');
  const whole = (atomic / unit).toString().replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** With its unit, and in dollars where the caller knows a price. The ledger knows none. */
export function formatAmount(atomic: bigint, dollarsPerToken?: number): string {
  const tokens = `${formatTokens(atomic)} OGONG`;
  if (dollarsPerToken === undefined) return tokens;
  const dollars = (Number(atomic) / Number(UNIT)) * dollarsPerToken;
  return `${tokens} ($${dollars.toFixed(dollars !== 0 && dollars < 0.01 ? 6 : 2)})`;
}
