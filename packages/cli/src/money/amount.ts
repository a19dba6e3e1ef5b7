import type { AssetDescription } from '@ogong/chain/money/describe-asset';
import { ConfigError } from '@ogong/host/config/config-error';
import { decimal, define } from '@ogong/host/config/values';
import {
  TOKEN_DECIMALS as DECIMALS,
  formatExactTokens,
  formatTokens,
  parseAmount as readAmount,
} from '@ogong/protocol/base/amount';
import { unitsOf } from '../token-units.ts';

export { formatTokens, unitsOf };

const UNIT = 10n ** BigInt(DECIMALS);
const MOST = 2n ** 128n - 1n;

/**
 * `12.5`, `12.5 OGONG` and `12.5 credits` are whole ones; `1000 atomic` are atomic units. Undefined for any other text, or one finer than a
 * unit.
 */
export const parseAmount = (value: string): bigint | undefined =>
  parseUnits(value, { decimals: DECIMALS, units: ['ogong', 'orog', 'credits', 'credit'] });

/** An amount with its written unit, if any. */
export interface WrittenAmount {
  readonly atomic: bigint;
  readonly unit: 'OGONG' | 'OROG' | 'credits' | undefined;
}

const UNITS: Readonly<Record<string, WrittenAmount['unit']>> = {
  ...{ ogong: 'OGONG', orog: 'OROG', credits: 'credits', credit: 'credits' },
};

function readWritten(value: string): WrittenAmount | undefined {
  const atomic = parseAmount(value);
  const named = /[a-z]+$/i.exec(value.trim())?.[0].toLowerCase();
  return atomic === undefined ? undefined : { atomic, unit: named === undefined ? undefined : UNITS[named] };
}

/**
 * Fails if a written unit differs from the one that counts: 25 of one thing are not 25 of another.
 * @param expected unit of the network for this amount. @throws ConfigError
 */
export function assertUnit(
  program: string,
  { flag, amount: { atomic, unit } }: { readonly flag: string; readonly amount: WrittenAmount },
  expected: string,
): void {
  if (unit === undefined || unit === expected) return;
  const tokens = formatExactTokens(atomic);
  throw new ConfigError(program, [
    `--${flag} ${tokens} ${unit}: this network counts that in ${expected}, not in ${unit}; write "${tokens} ${expected}" if you mean so many`,
  ]);
}

/** As {@link parseAmount}, of another asset. @param accepted names of whole units */
export function parseUnits(
  value: string,
  { decimals, units }: { readonly decimals: number; readonly units: readonly string[] },
): bigint | undefined {
  const atomic = readAmount(value, { bare: 'tokens', decimals, units });
  return atomic !== undefined && atomic > 0n && atomic <= MOST ? atomic : undefined;
}

const BASIS = 10_000n;

/** Hundredths of a percent. */
export const toBasisPoints = (percent: number): bigint => BigInt(Math.round(percent * 100));

/** Returns this many percent less than an amount, rounded down. */
export const lessSlippage = (amount: bigint, percent: number): bigint =>
  (amount * (BASIS - toBasisPoints(percent))) / BASIS;

/** A flag with an amount of an asset. @throws ConfigError if it is no amount */
export function readUnits(
  program: string,
  { flag, written }: { readonly flag: string; readonly written: string },
  { symbol, decimals }: AssetDescription,
): bigint {
  const amount = parseUnits(written, { decimals, units: [symbol] });
  if (amount !== undefined) return amount;
  const expected = `expected an amount above 0 with at most ${decimals} digits after the point, such as 12.5, "12.5 ${symbol}" or "1000 atomic"`;
  throw new ConfigError(program, [`--${flag} ${written}: ${expected}`]);
}

/** A flag with an amount of money. A flag with an amount of money. Its reader compares the unit with the network's ({@link assertUnit}). */
export const tokenAmount = define(
  'an amount above 0, such as 12.5, "12.5 OGONG" or "1000 atomic"',
  '<amount>',
  readWritten,
);

/** Of every command that shows amounts. */
export const priceField = {
  schema: decimal({ min: 0 }),
  label: '<dollars>',
  description: 'price of one token, to show amounts in dollars too; the ledger knows no price',
} as const;

/** As {@link formatAmount}, by the price that a caller gave. Credits are dollars. */
export type ShowAmount = (atomic: bigint, unit?: string) => string;

export const createFormat =
  (price: number | undefined): ShowAmount =>
  (atomic, unit = 'OGONG') =>
    formatAmount(atomic, unit === 'credits' ? undefined : price, unit);

/** With its unit, and in dollars if the caller knows a price. */
export function formatAmount(atomic: bigint, dollarsPerToken?: number, unit = 'OGONG'): string {
  const tokens = `${formatTokens(atomic)} ${unit}`;
  if (dollarsPerToken === undefined) return tokens;
  const dollars = (Number(atomic) / Number(UNIT)) * dollarsPerToken;
  return `${tokens} ($${dollars.toFixed(dollars !== 0 && dollars < 0.01 ? 6 : 2)})`;
}
