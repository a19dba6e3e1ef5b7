import { amount, bytes, columns, mapped, named } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeOrder, type Order, parseOrder } from '@ogong/protocol/exchange/order';

/** Debts of the payers of this validator's channels. Every function that writes belongs inside a group commit. */
export interface ChannelState {
  readonly settled: bigint;
  /** Fees of accepted replies that are not settled yet. */
  readonly owed: bigint;
  /** Maximum fees of replies without a record yet. */
  readonly outstanding: bigint;
  readonly voucher: bigint;
}

const channelColumns = columns({
  settled: amount,
  owed: amount,
  outstanding: amount,
  voucher: named('voucher_cumulative', amount),
});
const openColumns = columns({ owed: amount, outstanding: amount });
const debtorColumns = columns({
  payer: bytes,
  settled: amount,
  owed: amount,
  outstanding: amount,
  voucher: named('voucher_cumulative', amount),
});
const voucherColumns = columns({
  order: named('voucher_order', mapped(bytes, parseOrder, encodeOrder)),
  signature: named('voucher_signature', bytes),
});

export function readChannel(store: Store, payer: Uint8Array): ChannelState {
  const row = channelColumns.get(store.prepare(`SELECT ${channelColumns.list} FROM channels WHERE payer = ?`), payer);
  return row ?? { settled: 0n, owed: 0n, outstanding: 0n, voucher: 0n };
}

/** Reads the newest order of a payer, with the voucher for its debit. */
export function readVoucher(store: Store, payer: Uint8Array): { order: Order; signature: Uint8Array } | undefined {
  return voucherColumns.get(store.prepare(`SELECT ${voucherColumns.list} FROM channels WHERE payer = ?`), payer);
}

/** Lists payers that owe money or may come to owe it, at most `limit`, the largest debts first. */
export function listDebtors(
  store: Store,
  limit: number,
): { readonly payer: Uint8Array; readonly state: ChannelState }[] {
  const { list } = debtorColumns;
  // Amounts are decimal text.
  const query = `SELECT ${list} FROM channels WHERE owed <> '0' OR outstanding <> '0'
    ORDER BY length(owed) DESC, owed DESC, payer LIMIT ?`;
  return debtorColumns.all(store.prepare(query), limit).map(({ payer, ...state }) => ({ payer, state }));
}

/** Sums the open fees of all payers, atomic units. Orders without a record count with their maximum fee. */
export function sumOpen(store: Store): bigint {
  const query = `SELECT ${openColumns.list} FROM channels WHERE owed <> '0' OR outstanding <> '0'`;
  return openColumns.all(store.prepare(query)).reduce((sum, { owed, outstanding }) => sum + owed + outstanding, 0n);
}

export function adjustChannel(
  store: Store,
  payer: Uint8Array,
  change: Partial<Record<'settled' | 'owed' | 'outstanding', bigint>>,
): void {
  const state = readChannel(store, payer);
  const next = (name: 'settled' | 'owed' | 'outstanding'): string => {
    const value = state[name] + (change[name] ?? 0n);
    if (value < 0n) throw new Error(`channel of ${toHex(payer)}: ${name} would be ${value}`);
    return value.toString();
  };
  store
    .prepare('UPDATE channels SET settled = ?, owed = ?, outstanding = ? WHERE payer = ?')
    .run(next('settled'), next('owed'), next('outstanding'), payer);
}
