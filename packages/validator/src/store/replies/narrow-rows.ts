import { amount, bigInteger, bytes, columns, integer, named, oneOf, optional, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import { findModality } from '@ogong/protocol/modality/registry';
import { STORED_STATES } from './reply-states.ts';
import {
  ownEvidenceColumn,
  progressColumns,
  type ReplyRow,
  readReply,
  type StoredSummary,
  signedRecordColumns,
  splitRecord,
  summaryColumns,
} from './reply-store.ts';

// Parts of a row for verdicts and batches. A whole row may have megabytes.

const recordedColumns = columns({
  replyId: bytes,
  orderBytes: bytes,
  record: bytes,
  header: bytes,
  endpoint: text,
  feeAtomic: named('fee', optional(amount)),
  intakeEpoch: optional(bigInteger),
  admittedAtMs: named('admitted_at', integer),
  recordedAtMs: named('recorded_at', optional(integer)),
  observedMs: optional(integer),
});

/** A handed-in reply with the data that decides about its audit. */
export interface RecordedReply
  extends Pick<ReplyRow, 'replyId' | 'feeAtomic' | 'intakeEpoch' | 'admittedAtMs' | 'recordedAtMs' | 'observedMs'> {
  readonly order: Order;
  readonly header: CommonHeader;
  /** Bytes of the signed record. */
  readonly record: Uint8Array;
}

/** @returns undefined if the reply is in another state. */
export function readRecorded(store: Store, replyId: Uint8Array): RecordedReply | undefined {
  const sql = `SELECT ${recordedColumns.list} FROM replies WHERE reply_id = ? AND state = 'recorded'`;
  const read = recordedColumns.get(store.prepare(sql), replyId);
  if (read === undefined) return undefined;
  const { orderBytes, header, endpoint, ...row } = read;
  return { ...row, order: parseOrder(orderBytes), header: findModality(endpoint).parseHeader(header) };
}

const undecidedColumns = columns({
  state: oneOf(STORED_STATES),
  orderBytes: bytes,
  consent: optional(bytes),
  record: optional(bytes),
  header: optional(bytes),
  cohort: optional(bytes),
  endpoint: optional(text),
  requestSummary: optional(bytes),
  maxFeeAtomic: named('max_fee', amount),
  feeAtomic: named('fee', optional(amount)),
});

/** A reply with the data that its verdict needs. */
export interface UndecidedReply
  extends Pick<ReplyRow, 'state' | 'orderBytes' | 'consent' | 'cohort' | 'maxFeeAtomic' | 'feeAtomic'> {
  /** Bytes of the signed record, if one is here. */
  readonly record: Uint8Array | undefined;
  /** Present if the provider handed the reply in. */
  readonly handed: Pick<StoredSummary, 'endpoint' | 'header' | 'requestSummary'> | undefined;
}

export function readUndecided(store: Store, replyId: Uint8Array): UndecidedReply | undefined {
  const sql = `SELECT ${undecidedColumns.list} FROM replies WHERE reply_id = ?`;
  const read = undecidedColumns.get(store.prepare(sql), replyId);
  if (read === undefined) return undefined;
  const { header, endpoint, requestSummary, ...row } = read;
  if (header === undefined || endpoint === undefined) return { ...row, handed: undefined };
  // Replies that the previous release accepted have only texts.
  const handed = requestSummary ? { endpoint, header, requestSummary } : readReply(store, replyId)?.summary;
  return { ...row, handed };
}

const evidenceColumns = columns({
  orderBytes: bytes,
  orderSignature: bytes,
  signedRecord: signedRecordColumns,
  summaries: summaryColumns,
  payeeWord: optional(bytes),
  ownEvidence: ownEvidenceColumn,
  cohort: optional(bytes),
  progress: progressColumns,
  endpoint: optional(text),
  evidence: optional(bytes),
});

/** A decided reply with the data that co-signers need for its verdict. */
export type EvidencedReply = Pick<
  ReplyRow,
  'orderBytes' | 'orderSignature' | 'signedRecord' | 'summary' | 'cohort' | 'ownEvidence' | 'evidence'
>;

export function readEvidenced(store: Store, replyId: Uint8Array): EvidencedReply | undefined {
  const sql = `SELECT ${evidenceColumns.list} FROM replies WHERE reply_id = ?`;
  const read = evidenceColumns.get(store.prepare(sql), replyId);
  if (read === undefined) return undefined;
  const { summaries, payeeWord, progress, endpoint, ...row } = read;
  const { signedRecord, orderBytes, orderSignature, cohort } = row;
  if (signedRecord === undefined || payeeWord === undefined || endpoint === undefined) {
    return { ...row, summary: undefined };
  }
  // Replies that the previous release accepted have only texts.
  if (summaries === undefined) return readReply(store, replyId);
  const order = { order: orderBytes, signature: orderSignature };
  const claimed = { order, ...splitRecord(signedRecord), payeeWord, progress, endpoint, ...(cohort && { cohort }) };
  return { ...row, summary: { ...claimed, ...summaries } };
}
