import { amount, bytes, columns, integer, named, oneOf, optional, text } from '@ogong/host/store/columns';
import type { Work } from '@ogong/host/store/work';
import { findRow, type RowQuery, type WorkTable } from '@ogong/host/store/work-rows';

export interface OrderBytes {
  readonly order: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Reason why an order brought no answer. */
export interface TryFailure {
  /** Code as a client reads it; empty if nothing failed. */
  readonly code: string;
  readonly reason: string;
  /** UTF-8 bytes of the text that the client had received by then. */
  readonly shownBytes: number;
}

/** `open`: in flight. `delivered`: answered and checked. `abandoned`: no good answer came. `closed`: the fee is known. */
export type OrderState = 'open' | 'delivered' | 'abandoned' | 'closed';

export interface OrderRow extends OrderBytes {
  readonly replyId: string;
  readonly completionId: string;
  readonly choice: number;
  readonly validator: string;
  readonly keyId: string;
  /** Empty for a key without an organisation. */
  readonly organisation: string;
  readonly model: string;
  readonly maxFeeAtomic: bigint;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly state: OrderState;
  readonly feeAtomic: bigint | undefined;
  readonly verdict: string;
  readonly detail: string;
  /** Transaction hash, `none` if there will be no settlement, or empty. */
  readonly settlement: string;
  /** Hash of the record that was delivered, in hex, or empty. */
  readonly heldRecord: string;
  /** Fee of that record. */
  readonly heldFeeAtomic: bigint | undefined;
  /** Hash of the record that the verdict is about, in hex, or empty. */
  readonly judgedRecord: string;
  readonly failure: TryFailure;
}

const orderFields = {
  replyId: text,
  completionId: text,
  choice: integer,
  validator: text,
  keyId: text,
  organisation: text,
  model: text,
  maxFeeAtomic: named('max_fee', amount),
  order: named('order_bytes', bytes),
  signature: bytes,
  createdMs: integer,
  expiresMs: integer,
};
const newOrder = columns(orderFields);
const failureFields = columns({
  code: named('failure', text),
  reason: named('failure_reason', text),
  shownBytes: integer,
});
export const orderState = oneOf<OrderState>(['open', 'delivered', 'abandoned', 'closed']);
export const orderRow = columns({
  ...orderFields,
  state: orderState,
  feeAtomic: named('fee', optional(amount)),
  verdict: text,
  detail: text,
  settlement: text,
  heldRecord: text,
  heldFeeAtomic: named('held_fee', optional(amount)),
  judgedRecord: text,
  failure: failureFields,
});
export const orderTable: WorkTable<OrderRow> = { name: 'orders', key: ['reply_id'], row: orderRow };
export const newOrderTable: WorkTable<ReturnType<typeof newOrder.read>> = { ...orderTable, row: newOrder };

export const orderNamed = (replyId: string): RowQuery<unknown> => ({ table: newOrderTable, key: [replyId] });

export const findOrder = (replyId: string): Work<OrderRow | undefined> => findRow(orderTable, replyId);
