import { bytes, columns, integer, named } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { SignedDelivery } from '@ogong/protocol/exchange/delivery';
import type { BoundRecord } from '@ogong/protocol/verdict/claim';
import { hashList } from './hash-list.ts';

/** A payer's delivery of a reply that another validator handles. */
export interface SecondDelivery {
  readonly signed: SignedDelivery;
  /** The payer's record. */
  readonly bound: BoundRecord;
}

export interface SecondDeliveryReply {
  /** The handling validator, 20 bytes. */
  readonly validator: Uint8Array;
  readonly replyId: Uint8Array;
  readonly payer: Uint8Array;
  /** Expiry of the order. */
  readonly expiresAtMs: number;
}

const secondDeliveryColumns = columns({
  signed: columns({ delivery: bytes, signature: bytes }),
  bound: columns({
    record: bytes,
    providerKey: bytes,
    signature: named('record_signature', bytes),
    header: bytes,
    headerProof: hashList,
  }),
});
const keptColumns = columns({
  validator: bytes,
  replyId: bytes,
  payer: bytes,
  expiresAtMs: named('expires_at', integer),
  heard: secondDeliveryColumns,
});
const countColumns = columns({ n: integer });

export function readSecondDelivery(
  store: Store,
  { validator, replyId }: Pick<SecondDeliveryReply, 'validator' | 'replyId'>,
): SecondDelivery | undefined {
  const sql = `SELECT ${secondDeliveryColumns.list} FROM heard WHERE validator = ? AND reply_id = ?`;
  return secondDeliveryColumns.get(store.prepare(sql), validator, replyId);
}

/** Stores a delivery. The first one counts. Call it and the other functions that write inside one transaction. */
export function keepSecondDelivery(store: Store, reply: SecondDeliveryReply, heard: SecondDelivery): void {
  keptColumns.insert(store, 'INSERT OR IGNORE INTO heard', { ...reply, heard });
}

/** Counts the stored deliveries: of this payer, about replies of this validator, and in all. */
export function countSecondDeliveries(
  store: Store,
  { payer, validator }: Pick<SecondDeliveryReply, 'payer' | 'validator'>,
): { readonly ofPayer: number; readonly ofValidator: number; readonly all: number } {
  const statement = store.prepare('SELECT n FROM heard_counts WHERE kind = ? AND name = ?');
  const count = (kind: number, name: Uint8Array): number => countColumns.get(statement, kind, name)?.n ?? 0;
  return { ofPayer: count(1, payer), ofValidator: count(2, validator), all: count(0, new Uint8Array(0)) };
}

/** Deletes a delivery. Once the reply has settled, it cannot be contradicted any more. */
export function forgetSecondDelivery(
  store: Store,
  { validator, replyId }: Pick<SecondDeliveryReply, 'validator' | 'replyId'>,
): void {
  store.prepare('DELETE FROM heard WHERE validator = ? AND reply_id = ?').run(validator, replyId);
}

/** Deletes deliveries of orders that expired before then. */
export function pruneSecondDeliveries(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM heard WHERE expires_at < ?').run(beforeMs);
}
