import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';

/** What the payers of this validator's channels owe. Every function that writes belongs inside a group commit. */
export interface ChannelState {
  readonly settled: bigint;
  /** Fees of replies that were handed in and are not settled yet. */
  readonly owed: bigint;
  /** Maximum fees of replies that were not handed in yet. */
  readonly outstanding: bigint;
  readonly voucher: bigint;
}

export function readChannel(store: Store, payer: Uint8Array): ChannelState {
  const row = store.prepare('SELECT * FROM channels WHERE payer = ?').get(payer);
  if (row === undefined) return { settled: 0n, owed: 0n, outstanding: 0n, voucher: 0n };
  return {
    settled: BigInt(row.settled as string),
    owed: BigInt(row.owed as string),
    outstanding: BigInt(row.outstanding as string),
    voucher: BigInt(row.voucher_cumulative as string),
  };
}

/** The newest order of a payer: what its debit is drawn under. */
export function readVoucher(store: Store, payer: Uint8Array): { order: Order; signature: Uint8Array } | undefined {
  const row = store.prepare('SELECT voucher_order, voucher_signature FROM channels WHERE payer = ?').get(payer);
  return row && { order: parseOrder(row.voucher_order as Uint8Array), signature: row.voucher_signature as Uint8Array };
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
