import { bytes, columns, integer, named } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { SignedDelivery } from '@ogong/protocol/exchange/delivery';
import type { BoundRecord } from '@ogong/protocol/verdict/claim';
import { hashList } from './hash-list.ts';

/** What a payer told this validator about a reply that another one handles. */
export interface HeardDelivery {
  readonly signed: SignedDelivery;
  /** The record that the payer holds. */
  readonly bound: BoundRecord;
}

export interface HeardReply {
  /** The handling validator, 20 bytes. */
  readonly validator: Uint8Array;
  readonly replyId: Uint8Array;
  readonly payer: Uint8Array;
  /** Of the order. */
  readonly expiresAtMs: number;
}

const heardColumns = columns({
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
  heard: heardColumns,
});
const countColumns = columns({ n: integer });

export function readHeard(
  store: Store,
  { validator, replyId }: Pick<HeardReply, 'validator' | 'replyId'>,
): HeardDelivery | undefined {
  const sql = `SELECT ${heardColumns.list} FROM heard WHERE validator = ? AND reply_id = ?`;
  return heardColumns.get(store.prepare(sql), validator, replyId);
}

/** The first word counts, whatever comes after it. Call it inside one transaction, as the others that write. */
export function keepHeard(store: Store, reply: HeardReply, heard: HeardDelivery): void {
  keptColumns.insert(store, 'INSERT OR IGNORE INTO heard', { ...reply, heard });
}

/** How many words are kept: of this payer, about replies of this validator, and in all. */
export function countHeard(
  store: Store,
  { payer, validator }: Pick<HeardReply, 'payer' | 'validator'>,
): { readonly ofPayer: number; readonly ofValidator: number; readonly all: number } {
  const statement = store.prepare('SELECT n FROM heard_counts WHERE kind = ? AND name = ?');
  const count = (kind: number, name: Uint8Array): number => countColumns.get(statement, kind, name)?.n ?? 0;
  return { ofPayer: count(1, payer), ofValidator: count(2, validator), all: count(0, new Uint8Array(0)) };
}

/** Once the reply has settled, nothing can contradict it any more. */
export function forgetHeard(store: Store, { validator, replyId }: Pick<HeardReply, 'validator' | 'replyId'>): void {
  store.prepare('DELETE FROM heard WHERE validator = ? AND reply_id = ?').run(validator, replyId);
}

/** Forgets words about orders that expired before then. */
export function pruneHeard(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM heard WHERE expires_at < ?').run(beforeMs);
}
