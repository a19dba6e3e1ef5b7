import { bigInteger, bytes, columns, integer, named } from '@ogong/host/store/columns';
import { addHold, sumHolds } from '@ogong/host/store/holds';
import type { Store } from '@ogong/host/store/store';
import { doWork } from '@ogong/host/store/work';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { OrderConsent } from '@ogong/protocol/exchange/order-consent';
import { encodeKeptConsent } from '@ogong/protocol/verdict/evidence';
import { adjustChannel, readChannel } from './channel-store.ts';

export type AdmissionErrorCode = 'conflict' | 'voucher-too-low' | 'allowance-exceeded' | 'too-many-open';

export class AdmissionError extends Error {
  override readonly name = 'AdmissionError';
  readonly code: AdmissionErrorCode;
  readonly retryable = false;
  constructor(code: AdmissionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** More than a busy gateway has open at one validator. */
const MAX_OPEN_ORDERS = 4_096;

/** Columns for the answer to a repeated order: a small part of a row. */
const admittedColumns = columns({
  orderBytes: bytes,
  orderHash: bytes,
  admittedEpoch: bigInteger,
  admittedAtMs: named('admitted_at', integer),
});
const countColumns = columns({ n: integer });

export type AdmittedReply = ReturnType<typeof admittedColumns.read>;

export function readAdmitted(store: Store, replyId: Uint8Array): AdmittedReply | undefined {
  return admittedColumns.get(store.prepare(`SELECT ${admittedColumns.list} FROM replies WHERE reply_id = ?`), replyId);
}

/** Refuses another order under the id of an admitted one. A validator never forgets an id. @throws AdmissionError `conflict` */
export function assertSameOrder(
  { orderBytes }: Pick<AdmittedReply, 'orderBytes'>,
  { order }: { readonly order: Uint8Array },
): void {
  if (equalBytes(orderBytes, order)) return;
  throw new AdmissionError('conflict', 'another order was admitted under this reply id');
}

export interface AdmittedOrder {
  readonly order: NamedOrder;
  readonly orderBytes: Uint8Array;
  readonly orderSignature: Uint8Array;
  readonly consent: OrderConsent;
  readonly admittedEpoch: bigint;
  readonly admittedAtMs: number;
  /** Most orders of this payer that wait for their replies, or for verifiers of these. Default: MAX_OPEN_ORDERS. */
  readonly limit?: number | undefined;
  /** The channel on the chain. */
  readonly channel: { readonly spendable: bigint; readonly spent: bigint };
}

/**
 * Reserves an order's maximum fee. Orders of one channel may arrive in any order. The newest one must cover the largest
 * debit, and the chain must hold as much. The chain must also hold the maximum fees of all unexpired orders, in any
 * state. So a party with two admissions can tell that both orders were covered (docs/spec/over-admission.md).
 * @returns the stored order. `isNew` is false if the same order was admitted before.
 * @throws AdmissionError
 */
export function admitReply(store: Store, admission: AdmittedOrder): AdmittedReply & { readonly isNew: boolean } {
  const { order, orderBytes, orderSignature, consent, channel, limit = MAX_OPEN_ORDERS } = admission;
  const known = readAdmitted(store, order.replyId);
  if (known) {
    assertSameOrder(known, { order: orderBytes });
    return { ...known, isNew: false };
  }
  if (countOpen(store, order.payer) >= limit) {
    throw new AdmissionError(
      'too-many-open',
      `${limit} orders of this payer wait for their replies, or for verifiers, already`,
    );
  }
  const state = readChannel(store, order.payer);
  let liability = state.owed + state.outstanding + order.maxFeeAtomic;
  // The chain may be ahead of this store, and the cached channel behind it.
  if (state.settled > channel.spent) liability += state.settled;
  else liability += channel.spent;
  if (order.cumulativeAtomic < liability && state.voucher < liability) {
    throw new AdmissionError('voucher-too-low', `up to ${liability} may be owed, more than the payer has signed for`);
  }
  if (channel.spendable < liability) {
    throw new AdmissionError('allowance-exceeded', `${channel.spendable} reserved, up to ${liability} may be owed`);
  }
  const hold = {
    channel: toHex(order.payer),
    maxFeeAtomic: order.maxFeeAtomic,
    expiresAtMs: Number(order.expiresAtMs),
  };
  const held = doWork(store, sumHolds(hold.channel, admission.admittedAtMs)) + order.maxFeeAtomic;
  if (channel.spendable < channel.spent + held) {
    throw new AdmissionError(
      'allowance-exceeded',
      `${channel.spendable - channel.spent} left, orders that have not expired may cost ${held}`,
    );
  }
  doWork(store, addHold(hold, admission.admittedAtMs));
  store
    .prepare(
      `INSERT INTO channels (payer, voucher_cumulative, voucher_order, voucher_signature) VALUES (?, '0', ?, ?)
       ON CONFLICT DO NOTHING`,
    )
    .run(order.payer, orderBytes, orderSignature);
  if (order.cumulativeAtomic > state.voucher) {
    store
      .prepare('UPDATE channels SET voucher_cumulative = ?, voucher_order = ?, voucher_signature = ? WHERE payer = ?')
      .run(order.cumulativeAtomic.toString(), orderBytes, orderSignature, order.payer);
  }
  adjustChannel(store, order.payer, { outstanding: order.maxFeeAtomic });
  store
    .prepare(
      `INSERT INTO replies (reply_id, state, order_bytes, order_hash, order_signature, payer, provider_id, max_fee, expires_at,
         consent, admitted_epoch, admitted_at) VALUES (?, 'admitted', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      order.replyId,
      orderBytes,
      order.orderHash,
      orderSignature,
      order.payer,
      order.providerId,
      order.maxFeeAtomic.toString(),
      order.expiresAtMs,
      encodeKeptConsent(consent),
      admission.admittedEpoch,
      admission.admittedAtMs,
    );
  const { admittedEpoch, admittedAtMs } = admission;
  return { orderBytes, orderHash: order.orderHash, admittedEpoch, admittedAtMs, isNew: true };
}

/** @internal A test compares it with the rows. */
export function countOpen(store: Store, payer: Uint8Array): number {
  return countColumns.get(store.prepare('SELECT n FROM open_counts WHERE payer = ?'), payer)?.n ?? 0;
}
