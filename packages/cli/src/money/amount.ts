import type { Deployment } from '@ogong/chain/deployment';
import { decimal, define } from '@ogong/host/config/values';

const DECIMALS = 18;
const UNIT = 10n ** BigInt(DECIMALS);
const MOST = 2n ** 128n - 1n;

/**
 * `12.5`, `12.5 OGONG` and `12.5 credits` are whole ones; `1000 atomic` are atomic units. Undefined where it is neither, or finer than a
 * unit.
 */
export const parseAmount = (value: string): bigint | undefined =>
  parseUnits(value, { decimals: DECIMALS, units: ['ogong', 'orog', 'credits', 'credit'] });

/** The same of another asset. @param units by which whole ones may be called */
export function parseUnits(
  value: string,
  { decimals, units }: { readonly decimals: number; readonly units: readonly string[] },
): bigint | undefined {
  const [, whole = '', fraction = '', named = ''] =
    /^(\d{1,40})(?:\.(\d{1,36}))?\s*([^\s\d]\S*)?$/.exec(value.trim()) ?? [];
  const unit = named.toLowerCase();
  const isAtomic = unit === 'atomic';
  if (whole === '' || fraction.length > (isAtomic ? 0 : decimals)) return undefined;
  if (unit !== '' && !isAtomic && !units.some((one) => one.toLowerCase() === unit)) return undefined;
  const atomic = isAtomic ? BigInt(whole) : BigInt(whole + fraction.padEnd(decimals, '0'));
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

/** What a network stakes and pays its payees, and what its payers pay in. */
export const unitsOf = ({
  burnAndMint,
}: Pick<Deployment, 'burnAndMint'>): { readonly token: string; readonly paid: string } =>
  burnAndMint === undefined ? { token: 'OGONG', paid: 'OGONG' } : { token: 'OROG', paid: 'credits' };

/** Of every command that shows amounts. */
export const priceField = {
  schema: decimal({ min: 0 }),
  label: '<dollars>',
  description: 'what one token is worth, to show amounts in dollars too; the ledger knows no price',
} as const;

/** As {@link formatAmount}, by the price that a caller gave. Credits are dollars. */
export type ShowAmount = (atomic: bigint, unit?: string) => string;

export const createFormat =
  (price: number | undefined): ShowAmount =>
  (atomic, unit = 'OGONG') =>
    formatAmount(atomic, unit === 'credits' ? undefined : price, unit);

/** With its unit, and in dollars where the caller knows a price. */
export function formatAmount(atomic: bigint, dollarsPerToken?: number, unit = 'OGONG'): string {
  const tokens = `${formatTokens(atomic)} ${unit}`;
  if (dollarsPerToken === undefined) return tokens;
  const dollars = (Number(atomic) / Number(UNIT)) * dollarsPerToken;
  return `${tokens} ($${dollars.toFixed(dollars !== 0 && dollars < 0.01 ? 6 : 2)})`;
}
