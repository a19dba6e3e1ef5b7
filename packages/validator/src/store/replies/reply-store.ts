import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import {
  amount,
  bigInteger,
  bytes,
  columns,
  flag,
  integer,
  mapped,
  named,
  oneOf,
  optional,
  optionalColumns,
  text,
} from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { summarizeResponse } from '@ogong/protocol/commitment/response-hash';
import { type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { findHeaderModality, findModality } from '@ogong/protocol/modality/registry';
import { summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { parseCohortAgreement } from '@ogong/protocol/settlement/cohort-agreement';
import { encodeParts, parseParts } from '@ogong/protocol/tier/evidence-parts';
import type { EvidenceParts } from '@ogong/protocol/tier/tier';
import type { BoundRecord, ReplyTexts, StoredClaim, Submission, SummarizedReply } from '@ogong/protocol/verdict/claim';
import { hashList } from './hash-list.ts';
import { readPlace } from './reply-batch.ts';
import { type ReplyState, STORED_STATES } from './reply-states.ts';

/** One row of replies. `admission-store.ts` creates it, `reply-changes.ts` changes it. */
export interface ReplyRow {
  readonly replyId: Uint8Array;
  readonly state: ReplyState;
  readonly orderBytes: Uint8Array;
  readonly orderHash: Uint8Array;
  readonly orderSignature: Uint8Array;
  /** The provider's consent in stored form; deleted once its record is here. */
  readonly consent: Uint8Array | undefined;
  readonly maxFeeAtomic: bigint;
  readonly expiresAtMs: number;
  /** This validator's epoch and clock when it admitted the order. */
  readonly admittedEpoch: bigint;
  readonly admittedAtMs: number;
  /** This validator's clock when its provider handed the reply in. */
  readonly recordedAtMs: number | undefined;
  /** Duration of the reply by the payer's clock; undefined if the payer did not report it. */
  readonly observedMs: number | undefined;
  /** Present from `recorded` on, and if a complaint brought only the record. */
  readonly signedRecord: BoundRecord | undefined;
  /** Present if the provider handed the reply in: everything but its texts. */
  readonly summary: StoredSummary | undefined;
  /** The agreement of the cohort that served, until the batch is pruned. */
  readonly cohort: Uint8Array | undefined;
  /** The tier's own evidence, until the batch is pruned. */
  readonly ownEvidence: EvidenceParts | undefined;
  /** Present where its texts are here, too: from its opening on, or because it was cut short. */
  readonly submission: Submission | undefined;
  readonly feeAtomic: bigint | undefined;
  readonly intakeEpoch: bigint | undefined;
  readonly isForced: boolean;
  /** Epoch that decides about its audit. */
  readonly beaconEpoch: bigint | undefined;
  /** Number of its present or next audit attempt, from 0. */
  readonly sitting: number;
  readonly deadlineMs: number | undefined;
  /** Time by which its audit attempt was postponed. */
  readonly postponedMs: number;
  /** Time at which verifiers are asked. */
  readonly askAtMs: number | undefined;
  readonly opening: Uint8Array | undefined;
  readonly candidates: Uint8Array | undefined;
  /** Drift policy of the reply, set when its verifiers are drawn. */
  readonly drift: Uint8Array | undefined;
  readonly verdict: string | undefined;
  readonly checks: string | undefined;
  readonly evidence: Uint8Array | undefined;
  /** Number of its batch. */
  readonly sequence: bigint | undefined;
  /** True if its batch settled without its fee. */
  readonly isUncollectable: boolean;
}

/** The provider's reply without its texts. */
export interface StoredSummary extends SummarizedReply, Pick<Submission, 'endpoint'> {}

/** Stays when the rest of a row is pruned: a second record may turn up later. */
export const signedRecordColumns = optionalColumns({
  record: bytes,
  providerKey: bytes,
  signature: named('record_signature', bytes),
  header: bytes,
  headerProof: hashList,
});
/** NULL before the reply is handed in, and again after its batch was pruned. */
export const summaryColumns = optionalColumns({ requestSummary: bytes, responseSummary: bytes });
/** NULL where the record carried none: co-signers check it. */
export const ownEvidenceColumn = optional(mapped(bytes, parseParts, encodeParts));
/** The payer's progress statement on a reply that was cut short. */
export const progressColumns = optionalColumns({ progress: bytes, signature: named('progress_signature', bytes) });
/** NULL also if the reply was never opened. */
const textColumns = optionalColumns({ request: bytes, response: bytes });

const replyColumns = columns({
  replyId: bytes,
  state: oneOf(STORED_STATES),
  orderBytes: bytes,
  orderHash: bytes,
  orderSignature: bytes,
  consent: optional(bytes),
  maxFeeAtomic: named('max_fee', amount),
  expiresAtMs: named('expires_at', integer),
  admittedEpoch: bigInteger,
  admittedAtMs: named('admitted_at', integer),
  recordedAtMs: named('recorded_at', optional(integer)),
  observedMs: optional(integer),
  signedRecord: signedRecordColumns,
  summaries: summaryColumns,
  payeeWord: optional(bytes),
  ownEvidence: ownEvidenceColumn,
  cohort: optional(bytes),
  texts: textColumns,
  progress: progressColumns,
  /** Stays when the rest of the reply is pruned. */
  endpoint: optional(text),
  feeAtomic: named('fee', optional(amount)),
  intakeEpoch: optional(bigInteger),
  isForced: named('forced', flag),
  beaconEpoch: optional(bigInteger),
  sitting: integer,
  deadlineMs: named('deadline', optional(integer)),
  postponedMs: named('postponed', integer),
  askAtMs: named('ask_at', optional(integer)),
  opening: optional(bytes),
  candidates: optional(bytes),
  drift: optional(bytes),
  verdict: optional(text),
  checks: optional(text),
  evidence: optional(bytes),
  entryIndex: optional(bigInteger),
  isUncollectable: named('uncollectable', flag),
});
/**
 * Columns for checks of records and statements. They leave out texts, opening and audit data, which may take megabytes.
 */
const handledColumns = columns({
  replyId: bytes,
  /** `decided` also for a reply in a batch. */
  state: oneOf(STORED_STATES),
  orderBytes: bytes,
  orderHash: bytes,
  orderSignature: bytes,
  expiresAtMs: named('expires_at', integer),
  signedRecord: signedRecordColumns,
  intakeEpoch: optional(bigInteger),
  beaconEpoch: optional(bigInteger),
  verdict: optional(text),
});
const takenColumns = columns({ state: oneOf(STORED_STATES), record: optional(bytes) });
const statusColumns = columns({
  state: oneOf(STORED_STATES),
  orderBytes: bytes,
  record: optional(bytes),
  feeAtomic: named('fee', optional(amount)),
  sitting: integer,
  verdict: optional(text),
  checks: optional(text),
  entryIndex: optional(bigInteger),
  isUncollectable: named('uncollectable', flag),
  isVoid: named('voided', flag),
  isBurnt: named('burnt', flag),
});
/** The condition of the index of open replies, word for word: without it SQLite reads all rows, and none is ever deleted. */
const IS_OPEN = "state IN ('admitted', 'recorded', 'auditing', 'waiting')";

const idColumns = columns({ replyId: bytes });
const cohortColumns = columns({ cohort: bytes });
const payeeColumns = columns({ payee: bytes });
const unansweredColumns = columns({ payer: bytes, providerId: bytes, maxFeeAtomic: named('max_fee', amount) });
const shapeColumns = columns({ request: bytes, endpoint: text });
const expiredColumns = columns({ replyId: bytes, expiresAtMs: named('expires_at', integer) });

export function readReply(store: Store, replyId: Uint8Array): ReplyRow | undefined {
  const row = replyColumns.get(store.prepare(`SELECT ${replyColumns.list} FROM replies WHERE reply_id = ?`), replyId);
  return row && toReply(row, readPlace(store, row));
}

export type HandledReply = Pick<ReplyRow, keyof ReturnType<typeof handledColumns.read>>;

export function readHandled(store: Store, replyId: Uint8Array): HandledReply | undefined {
  return handledColumns.get(store.prepare(`SELECT ${handledColumns.list} FROM replies WHERE reply_id = ?`), replyId);
}

/** Tells whether an admitted reply still waits for its record. */
export function isAwaited(store: Store, replyId: Uint8Array): boolean {
  const sql = `SELECT ${takenColumns.list} FROM replies WHERE reply_id = ?`;
  const row = takenColumns.get(store.prepare(sql), replyId);
  return row?.state === 'admitted' && row.record === undefined;
}

/** Tells whether a reply waits for its record, its audit or its verdict. */
export function hasOpenReply(store: Store): boolean {
  return store.prepare(`SELECT 1 FROM replies WHERE ${IS_OPEN} LIMIT 1`).get() !== undefined;
}

/** Lists orders that no provider has answered yet. */
export function listUnanswered(store: Store): ReturnType<typeof unansweredColumns.read>[] {
  const sql = `SELECT ${unansweredColumns.list} FROM replies WHERE state = 'admitted' AND ${IS_OPEN}`;
  return unansweredColumns.all(store.prepare(sql));
}

export type ReplyStatusRow = Omit<ReturnType<typeof statusColumns.read>, 'state'> & ReturnType<typeof readPlace>;

/**
 * Reads the public status of a reply, without the bodies, openings and evidence of its row, which may take megabytes.
 */
export function readReplyStatus(store: Store, replyId: Uint8Array): ReplyStatusRow | undefined {
  const sql = `SELECT ${statusColumns.list} FROM replies WHERE reply_id = ?`;
  const row = statusColumns.get(store.prepare(sql), replyId);
  return row && { ...row, ...readPlace(store, row) };
}

/** Returns the agreement of the cohort that came with a record; undefined without one. */
export function readCohort(store: Store, replyId: Uint8Array): Uint8Array | undefined {
  const sql = 'SELECT cohort FROM replies WHERE reply_id = ? AND cohort IS NOT NULL';
  return cohortColumns.get(store.prepare(sql), replyId)?.cohort;
}

/** Returns whether an audit has the opening of a reply, without reading its bytes. */
export const hasOpening = (store: Store, replyId: Uint8Array): boolean =>
  store.prepare('SELECT 1 FROM replies WHERE reply_id = ? AND opening IS NOT NULL').get(replyId) !== undefined;

/** Tells whether a complaint has marked a reply for an audit. */
export const isForced = (store: Store, replyId: Uint8Array): boolean =>
  store.prepare('SELECT 1 FROM replies WHERE reply_id = ? AND forced = 1').get(replyId) !== undefined;

/** Reads a reply for a caller outside a transaction. */
export function findReply({ store }: { readonly store: Store }, replyId: Uint8Array): ReplyRow | undefined {
  return store.read(() => readReply(store, replyId));
}

function toReply(read: ReturnType<typeof replyColumns.read>, place: ReturnType<typeof readPlace>): ReplyRow {
  const { summaries: stored, payeeWord, texts, endpoint, progress, entryIndex: _, ...columns } = read;
  const row = { ...columns, ...place };
  const { signedRecord, orderBytes, orderSignature, cohort } = row;
  const order = { order: orderBytes, signature: orderSignature };
  if (signedRecord === undefined || payeeWord === undefined || endpoint === undefined)
    return { ...row, summary: undefined, submission: undefined };
  // Replies that the previous release accepted have only texts.
  const summaries = stored ?? (texts && summarizeTexts(endpoint, { ...texts, replyId: row.replyId }));
  if (summaries === undefined) return { ...row, summary: undefined, submission: undefined };
  const claimed = { order, ...splitRecord(signedRecord), payeeWord, progress, endpoint, ...(cohort && { cohort }) };
  return { ...row, summary: { ...claimed, ...summaries }, submission: texts && { ...claimed, ...texts } };
}

function summarizeTexts(
  endpoint: string,
  { request, response, replyId }: Pick<ReplyTexts, 'request' | 'response'> & Pick<ReplyRow, 'replyId'>,
) {
  const { answer } = computeBlinds(nodeCrypto, { body: request, replyId });
  return {
    requestSummary: summarizeRequest(nodeCrypto, endpoint, request),
    responseSummary: summarizeResponse(nodeCrypto, answer, response),
  };
}

/** Splits a bound record into the parts of a submission. */
export function splitRecord({ header, headerProof, ...record }: BoundRecord) {
  return { record, header, headerProof };
}

/** @returns ids of at most `limit` replies in an open state. */
export function listReplies(store: Store, state: 'recorded', limit: number): Uint8Array[] {
  const sql = `SELECT reply_id FROM replies WHERE state = ? AND ${IS_OPEN} ORDER BY expires_at LIMIT ?`;
  return idColumns.all(store.prepare(sql), state, limit).map(({ replyId }) => replyId);
}

/**
 * @param isAgain true for audits in a later attempt than the first, false for the first.
 * @returns ids of audits with work: an opening to ask for the first time, or verifiers to ask. Audits that wait for the next call for an
 * opening or its blobs are in listDueAsks.
 */
export function listAudits(
  store: Store,
  nowMs: number,
  { payee, isAgain, limit }: { readonly payee: Uint8Array; readonly isAgain: boolean; readonly limit: number },
): Uint8Array[] {
  const sql = `SELECT reply_id FROM replies WHERE state = 'auditing' AND payee = ? AND sitting ${isAgain ? '>' : '='} 0
    AND (opening IS NULL OR ask_at IS NULL OR ask_at <= ?)
    AND NOT EXISTS (SELECT 1 FROM opening_asks WHERE opening_asks.reply_id = replies.reply_id) ORDER BY expires_at LIMIT ?`;
  return idColumns.all(store.prepare(sql), payee, nowMs, limit).map(({ replyId }) => replyId);
}

/** @returns payees of replies whose audit has begun. */
export function listAuditedPayees(store: Store): Uint8Array[] {
  const sql = "SELECT DISTINCT payee FROM replies WHERE state = 'auditing'";
  return payeeColumns.all(store.prepare(sql)).map(({ payee }) => payee);
}

export interface ExpiredReply {
  readonly replyId: Uint8Array;
  readonly expiresAtMs: number;
}

/** @returns replies that were ordered and not delivered before then, at most `limit`, the oldest first. */
export function listExpired(store: Store, beforeMs: number, limit: number): ExpiredReply[] {
  const sql = `SELECT reply_id, expires_at FROM replies WHERE state = 'admitted' AND ${IS_OPEN} AND expires_at < ?
    ORDER BY expires_at LIMIT ?`;
  return expiredColumns.all(store.prepare(sql), beforeMs, limit);
}

/** Returns the order as it was admitted, with its names. */
export function readOrder({
  orderBytes,
  replyId,
  orderHash,
}: Pick<ReplyRow, 'orderBytes' | 'replyId' | 'orderHash'>): NamedOrder {
  return { ...parseOrder(orderBytes), replyId, orderHash };
}

/** Returns the claim of a stored reply. It was verified before it was stored. */
export function toClaim({ summary, cohort, ...row }: ReplyRow): StoredClaim {
  if (summary === undefined) throw new Error('the reply was not handed in');
  return {
    order: readOrder(row),
    record: parseRecordV2(summary.record.record),
    header: findModality(summary.endpoint).parseHeader(summary.header),
    endpoint: summary.endpoint,
    ...(cohort && { cohort: parseCohortAgreement(cohort).terms }),
  };
}

const forcedColumns = columns({
  fee: optional(amount),
  maxFee: amount,
  verdict: optional(text),
});

/** Verdicts that confirm the doubt of a complaint. */
const DOUBTED = ['reject', 'abandoned', 'unjudged'];

/** Lists the payer's stored replies that complaints have marked for audits, without those whose doubt was confirmed. */
export function listForced(store: Store, payer: Uint8Array): readonly { readonly feeAtomic: bigint }[] {
  const sql = `SELECT ${forcedColumns.list} FROM replies WHERE payer = ? AND forced = 1`;
  return forcedColumns
    .all(store.prepare(sql), payer)
    .filter(({ verdict }) => verdict === undefined || !DOUBTED.includes(verdict))
    .map(({ fee, maxFee }) => ({ feeAtomic: fee ?? maxFee }));
}

/** Decided replies in which a model's endpoint is searched, the newest first. */
const SEARCHED_REPLIES = 64;
const headerColumns = columns({ record: bytes, header: bytes });

/** Finds an endpoint at which a model was answered lately; undefined if no decided reply is about it. */
export function findModelEndpoint(store: Store, modelRoot: Uint8Array): string | undefined {
  const sql = `SELECT ${headerColumns.list} FROM log JOIN replies ON replies.reply_id = log.reply_id
    WHERE record IS NOT NULL AND header IS NOT NULL ORDER BY log.position DESC LIMIT ${SEARCHED_REPLIES}`;
  const found = headerColumns
    .all(store.prepare(sql))
    .find(({ record }) => equalBytes(parseRecordV2(record).modelRoot, modelRoot));
  return found && findHeaderModality(found.header)?.parseHeader(found.header).endpoint;
}

/** Lists requests in progress as models for canaries; at most 64. */
export function listShapes(store: Store): { readonly request: Uint8Array; readonly endpoint: string }[] {
  const sql = `SELECT ${shapeColumns.list} FROM replies WHERE state IN ('recorded', 'auditing', 'waiting') AND ${IS_OPEN}
    AND request IS NOT NULL AND endpoint IS NOT NULL LIMIT 64`;
  return shapeColumns.all(store.prepare(sql));
}
