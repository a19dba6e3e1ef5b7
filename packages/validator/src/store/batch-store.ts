import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { bigInteger, bytes, columns, integer, mapped, named, optional } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '@ogong/protocol/crypto/hybrid';
import type { QuorumSignature } from '@ogong/protocol/crypto/quorum';
import { BatchEntrySchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  encodeSettlement,
  listPaid,
  parseSettlement,
  type Settlement,
  sumFees,
} from '@ogong/protocol/settlement/batch';
import type { HeadSignature, SignedHead } from '@ogong/protocol/settlement/head-certificate';
import { countEntry, createOverlay } from '@ogong/protocol/settlement/log-tests';
import { computeCorrectionId, isBillable, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { adjustChannel } from './channel-store.ts';
import { readDelivery } from './replies/delivery-store.ts';
import { readEvidenced } from './replies/narrow-rows.ts';
import { createTestStates, rememberTests } from './sequential-store.ts';

export interface StoredBatch {
  readonly settlement: Settlement;
  /** The exact proposed bytes. */
  readonly bytes: Uint8Array;
  readonly sequence: bigint;
  /** Log positions: from, inclusive, to, exclusive. */
  readonly from: bigint;
  readonly to: bigint;
}

export type EntryMessage = MessageInitShape<typeof BatchEntrySchema>;

const batchColumns = columns({
  bytes: named('batch', bytes),
  sequence: bigInteger,
  from: named('from_position', bigInteger),
  to: named('to_position', bigInteger),
});
const settledColumns = columns({ settlement: named('batch', mapped(bytes, parseSettlement, encodeSettlement)) });
const bookedColumns = columns({ at: integer });
const batchedLength = columns({ length: bigInteger });
const entryColumns = columns({ entry: bytes, replyId: bytes });
const openColumns = columns({ open: integer });
const signatureColumns = columns({ signer: bytes, signature: bytes });
const headColumns = columns({
  signer: bytes,
  publicKey: named('head_key', bytes),
  signature: named('head_signature', bytes),
});
const certificateColumns = columns({ certificate: named('head_certificate', bytes) });
const shareColumns = columns({ signer: bytes, share: bytes });
const positionColumns = columns({ position: bigInteger });
const sequenceColumns = columns({ sequence: bigInteger });
const spanColumns = columns({
  sequence: bigInteger,
  from: named('from_position', bigInteger),
  to: named('to_position', bigInteger),
});
const newestColumns = columns({ sequence: optional(bigInteger) });

/** Reads the proposed batch that is not settled; there is at most one. */
export function readProposed(store: Store): StoredBatch | undefined {
  const row = batchColumns.get(store.prepare(`SELECT ${batchColumns.list} FROM batches WHERE state = 'proposed'`));
  return row && { ...row, settlement: parseSettlement(row.bytes) };
}

/** Reads a settled batch. */
export function findSettledBatch(store: Store, sequence: bigint): StoredBatch | undefined {
  const row = batchColumns.get(
    store.prepare(`SELECT ${batchColumns.list} FROM batches WHERE state = 'settled' AND sequence = ?`),
    sequence,
  );
  return row && { ...row, settlement: parseSettlement(row.bytes) };
}

/** Returns the time of the last recorded settlement. */
export function readLastSettledMs(store: Store): number | undefined {
  const sql = "SELECT settled_at AS at FROM batches WHERE state = 'settled' ORDER BY from_position DESC LIMIT 1";
  return bookedColumns.get(store.prepare(sql))?.at;
}

/** Returns the log position up to which batches were proposed. */
export function readBatchedLength(store: Store): bigint {
  const sql = 'SELECT to_position AS length FROM batches ORDER BY from_position DESC LIMIT 1';
  return batchedLength.get(store.prepare(sql))?.length ?? 0n;
}

/** Counts admitted replies and log entries that have not settled. */
export function countOpenReplies(store: Store): number {
  const row = openColumns.get(
    store.prepare(
      `SELECT (SELECT count(*) FROM replies WHERE state IN ('admitted', 'recorded', 'auditing', 'waiting'))
        + (SELECT coalesce(max(position) + 1, 0) FROM log)
        - coalesce((SELECT to_position FROM batches WHERE state = 'settled' ORDER BY from_position DESC LIMIT 1), 0) AS open`,
    ),
  );
  return row?.open ?? 0;
}

export interface SettledHead {
  readonly length: bigint;
  readonly head: Uint8Array | undefined;
  readonly signatures: readonly QuorumSignature[];
}

/** Returns the end of the last settled batch, up to which the log is final. */
export function readSettledHead(store: Store): SettledHead {
  const row = settledColumns.get(
    store.prepare("SELECT batch FROM batches WHERE state = 'settled' ORDER BY sequence DESC LIMIT 1"),
  );
  if (row === undefined) return { length: 0n, head: undefined, signatures: [] };
  const { batch } = row.settlement;
  return { length: batch.logLength, head: batch.logHead, signatures: listSignatures(store, batch.sequence) };
}

export function listEntries(store: Store, from: bigint, limit: number): { entry: Uint8Array; replyId: Uint8Array }[] {
  return entryColumns.all(
    store.prepare('SELECT entry, reply_id FROM log WHERE position >= ? ORDER BY position LIMIT ?'),
    from,
    limit,
  );
}

/** Finds the place of the correction of an entry's reply; undefined if there is none. */
export function findCorrection(store: Store, index: bigint): bigint | undefined {
  const [row] = listEntries(store, index, 1);
  if (row === undefined) return undefined;
  const find = store.prepare('SELECT position FROM log WHERE reply_id = ?');
  return positionColumns.get(find, computeCorrectionId(row.replyId))?.position;
}

/**
 * Reads a log entry with everything that a co-signer needs for the same verdict. It contains no text of request or
 * reply.
 */
export function readEntryMessage(
  store: Store,
  { entry, replyId }: { entry: Uint8Array; replyId: Uint8Array },
): EntryMessage {
  const row = readEvidenced(store, replyId);
  if (row === undefined) throw new Error('a log entry without its reply');
  const order = { order: row.orderBytes, signature: row.orderSignature };
  const record = row.signedRecord && { record: row.signedRecord };
  const { summary, cohort } = row;
  const delivery = readDelivery(store, replyId);
  return {
    logEntry: entry,
    record: summary
      ? { ...summary, headerProof: [...summary.headerProof] }
      : { order, ...record, ...(cohort && { cohort }) },
    evidence: row.evidence ?? new Uint8Array(0),
    ownEvidence: { ...row.ownEvidence },
    // Of a record that the provider never handed in, the entry says nothing.
    ...(delivery && !delivery.awaited && { delivery: delivery.signed }),
  };
}

const encodedEntries = new WeakMap<EntryMessage, Uint8Array>();

/** Encodes an entry for co-signers, once for the same message: it is measured and packed. Callers must not change either. */
export function encodeEntry(message: EntryMessage): Uint8Array {
  const known = encodedEntries.get(message);
  if (known !== undefined) return known;
  const encoded = toBinary(BatchEntrySchema, create(BatchEntrySchema, message));
  encodedEntries.set(message, encoded);
  return encoded;
}

/** Stores a batch of the entries from this position on. From now on its log never changes, but it may end earlier. */
export function proposeBatch(store: Store, settlement: Settlement, from: bigint): void {
  const { sequence, logLength } = settlement.batch;
  store
    .prepare(`INSERT INTO batches (sequence, batch, from_position, to_position, state) VALUES (?, ?, ?, ?, 'proposed')`)
    .run(sequence, encodeSettlement(settlement), from, logLength);
}

/**
 * Replaces the proposed batch by the same log under the same number, up to another position or with other uncollectable
 * payers. The new batch has no signature yet. Replies behind its end wait for the next batch.
 */
export function replaceProposed(store: Store, settlement: Settlement): void {
  const { sequence, logLength } = settlement.batch;
  store
    .prepare("UPDATE batches SET batch = ?, to_position = ? WHERE sequence = ? AND state = 'proposed'")
    .run(encodeSettlement(settlement), logLength, sequence);
  store.prepare('DELETE FROM batch_signatures WHERE sequence = ?').run(sequence);
}

/** Stores a signature, unless its batch has been replaced meanwhile. */
export function putSignature(
  store: Store,
  { sequence, bytes }: Pick<StoredBatch, 'sequence' | 'bytes'>,
  {
    signer,
    signature,
    share,
    head,
  }: QuorumSignature & { readonly share?: Uint8Array | undefined; readonly head?: HeadSignature | undefined },
): void {
  const isWhole =
    head?.publicKey.length === HYBRID_PUBLIC_KEY_BYTES && head.signature.length === HYBRID_SIGNATURE_BYTES;
  store
    .prepare(
      `INSERT OR REPLACE INTO batch_signatures (sequence, signer, signature, share, head_key, head_signature)
       SELECT sequence, ?, ?, ?, ?, ? FROM batches WHERE sequence = ? AND batch = ?`,
    )
    .run(
      signer,
      signature,
      share ?? null,
      isWhole ? head.publicKey : null,
      isWhole ? head.signature : null,
      sequence,
      bytes,
    );
}

/** Lists signatures over the head of a batch by hybrid keys, unchecked. */
export function listHeads(store: Store, sequence: bigint): SignedHead[] {
  const sql = `SELECT ${headColumns.list} FROM batch_signatures
    WHERE sequence = ? AND head_key IS NOT NULL ORDER BY signer`;
  return headColumns.all(store.prepare(sql), sequence);
}

/** Stored certificates of heads. Each has up to 3,848 bytes for each signer of a quorum. */
export const MAX_HEADS = 64;

/** Stores the head certificate of a settled batch, and deletes older ones. */
export function keepHead(store: Store, sequence: bigint, certificate: Uint8Array): void {
  store.prepare('UPDATE batches SET head_certificate = ? WHERE sequence = ?').run(certificate, sequence);
  store
    .prepare('UPDATE batches SET head_certificate = NULL WHERE sequence <= ? AND head_certificate IS NOT NULL')
    .run(sequence - BigInt(MAX_HEADS));
}

/** @param sequence number of the batch; 0 for the newest certificate. */
export function readHead(store: Store, sequence: bigint): Uint8Array | undefined {
  const sql = `SELECT ${certificateColumns.list} FROM batches WHERE head_certificate IS NOT NULL`;
  const row =
    sequence === 0n
      ? certificateColumns.get(store.prepare(`${sql} ORDER BY sequence DESC LIMIT 1`))
      : certificateColumns.get(store.prepare(`${sql} AND sequence = ?`), sequence);
  return row?.certificate;
}

/** Returns the number of the newest batch that this database has proposed; 0 for none. */
export function readNewestSequence(store: Store): bigint {
  return newestColumns.get(store.prepare('SELECT max(sequence) AS sequence FROM batches'))?.sequence ?? 0n;
}

/** Tells whether this database has proposed a batch of that number. */
export function hasProposed(store: Store, sequence: bigint): boolean {
  return sequenceColumns.get(store.prepare('SELECT sequence FROM batches WHERE sequence = ?'), sequence) !== undefined;
}

export function listSignatures(store: Store, sequence: bigint): QuorumSignature[] {
  return signatureColumns.all(
    store.prepare('SELECT signer, signature FROM batch_signatures WHERE sequence = ? ORDER BY signer'),
    sequence,
  );
}

export interface StoredShare {
  readonly signer: Uint8Array;
  readonly share: Uint8Array;
}

/** Lists the received shares of aggregated signatures, unchecked. */
export function listShares(store: Store, sequence: bigint): StoredShare[] {
  return shareColumns.all(
    store.prepare('SELECT signer, share FROM batch_signatures WHERE sequence = ? AND share IS NOT NULL'),
    sequence,
  );
}

export interface Booking {
  readonly transactionHash: string;
  readonly nowMs: number;
  /** Payers that the chain did not debit. */
  readonly uncollectable: readonly Uint8Array[];
}

/**
 * Records the debits of the chain. Amounts that it could not debit are no longer owed.
 * @param entries the log entries of the batch.
 * @returns the number of unpaid replies; undefined if the batch was recorded before.
 */
export function settleBatch(
  store: Store,
  { settlement, sequence }: StoredBatch,
  entries: readonly VerdictEntry[],
  { transactionHash, nowMs, uncollectable }: Booking,
): number | undefined {
  const changed = store
    .prepare(
      "UPDATE batches SET state = 'settled', transaction_hash = ?, settled_at = ? WHERE sequence = ? AND state = 'proposed'",
    )
    .run(transactionHash, nowMs, sequence).changes;
  if (changed === 0) return undefined;
  const unpaid = new Set(uncollectable.map(toHex));
  let unpaidReplies = 0;
  const stored = createTestStates(store, settlement.batch.validator);
  const tests = createOverlay({ find: rememberTests(stored.find) });
  const paid = new Set(listPaid(entries, tests.find));
  const settled: VerdictEntry[] = [];
  for (const entry of entries) {
    countEntry(tests, entry);
    const { replyId, payer, feeAtomic, verdict } = entry;
    if (isBillable(verdict) && !paid.has(entry)) {
      voidFee(store, entry);
      continue;
    }
    if (feeAtomic === 0n) continue;
    settled.push(entry);
    if (!unpaid.has(toHex(payer))) continue;
    unpaidReplies++;
    store.prepare('UPDATE replies SET uncollectable = 1 WHERE reply_id = ?').run(replyId);
  }
  tests.writeTo(stored);
  for (const { payer, amount } of sumFees(settled)) {
    adjustChannel(store, payer, { owed: -amount, settled: unpaid.has(toHex(payer)) ? 0n : amount });
  }
  return unpaidReplies;
}

/** Voids the fee of a reply after exact evidence in the log. */
function voidFee(store: Store, { replyId, payer, feeAtomic }: VerdictEntry): void {
  adjustChannel(store, payer, { owed: -feeAtomic });
  store.prepare("UPDATE replies SET fee = '0', voided = 1 WHERE reply_id = ?").run(replyId);
}

/**
 * Deletes the data of one older settled batch that only audits and co-signers need: bodies, openings, reports, traces.
 * Log, records, verdicts and fees stay.
 * @returns false if no batch is that old.
 */
export function pruneBatch(store: Store, beforeMs: number): boolean {
  const row = spanColumns.get(
    store.prepare(
      'SELECT sequence, from_position, to_position FROM batches WHERE pruned = 0 AND settled_at < ? ORDER BY settled_at LIMIT 1',
    ),
    beforeMs,
  );
  if (row === undefined) return false;
  const { sequence, from, to } = row;
  const ofBatch = 'reply_id IN (SELECT reply_id FROM log WHERE position >= ? AND position < ?)';
  store
    .prepare(
      `UPDATE replies SET request = NULL, response = NULL, request_summary = NULL, response_summary = NULL, evidence = NULL, cohort = NULL,
       payee_word = NULL, progress = NULL, progress_signature = NULL, own_evidence = NULL
       WHERE ${ofBatch}`,
    )
    .run(from, to);
  store.prepare(`DELETE FROM deliveries WHERE ${ofBatch}`).run(from, to);
  store.prepare(`DELETE FROM divergences WHERE ${ofBatch}`).run(from, to);
  store.prepare('UPDATE batches SET pruned = 1 WHERE sequence = ?').run(sequence);
  return true;
}
