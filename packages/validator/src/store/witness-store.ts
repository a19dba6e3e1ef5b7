import { bigInteger, bytes, columns, flag, integer, named, oneOf, optional, real } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { ASKED, type SilenceKind } from '@ogong/protocol/exchange/silence';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import { NOT_ASKED, type OpeningAsks } from './replies/opening-store.ts';

/** The subject of a claimed silence. */
export interface Question {
  /** The handling validator, 20 bytes. */
  readonly validator: Uint8Array;
  readonly replyId: Uint8Array;
  readonly asked: SilenceKind;
  /** 32 bytes. */
  readonly target: Uint8Array;
  readonly orderHash: Uint8Array;
  /**
   * 32 bytes: hash of the record whose opening is missing, hash of the verifier's job, or zero for a missing record.
   */
  readonly subject: Uint8Array;
  /** Expiry of the order. */
  readonly expiresAtMs: number;
}

/** Progress of this validator with a question. */
export interface Inquiry extends Question, OpeningAsks {
  /** `found`: the data came. `refused`: an answer without it. `silent`: no answer. Undefined: it still asks. */
  readonly outcome: 'found' | 'refused' | 'silent' | undefined;
  /** The newest epoch, and the time, when it gave up. */
  readonly epoch: bigint | undefined;
  readonly timeMs: number | undefined;
}

const inquiryColumns = columns({
  validator: bytes,
  replyId: bytes,
  asked: oneOf(ASKED),
  target: bytes,
  orderHash: bytes,
  subject: bytes,
  expiresAtMs: named('expires_at', integer),
  asks: integer,
  refusals: integer,
  waitedMs: real,
  pauseMs: integer,
  dueAtMs: named('due_at', integer),
  outcome: optional(oneOf(['found', 'refused', 'silent'])),
  epoch: optional(bigInteger),
  timeMs: optional(integer),
});
const statementColumns = columns({
  place: integer,
  isRefused: named('refused', flag),
  epoch: bigInteger,
  timeMs: integer,
  signature: bytes,
});
const keptStatement = columns({
  replyId: bytes,
  asked: oneOf(ASKED),
  target: bytes,
  subject: bytes,
  statement: statementColumns,
});
const countColumns = columns({ n: integer });

/**
 * @returns the stored question, or a new one. A provider has one question for each reply. A verifier may have several
 * jobs about it.
 */
export function readInquiry(store: Store, question: Question): Inquiry {
  const { validator, replyId, asked, target, subject } = question;
  const sql = `SELECT ${inquiryColumns.list} FROM witnessed WHERE validator = ? AND reply_id = ? AND asked = ? AND target = ?
    AND (subject = ? OR asked IN ('record', 'opening'))`;
  const known = inquiryColumns.get(store.prepare(sql), validator, replyId, asked, target, subject);
  return known ?? { ...question, ...NOT_ASKED, outcome: undefined, epoch: undefined, timeMs: undefined };
}

export function keepInquiry(store: Store, inquiry: Inquiry): void {
  inquiryColumns.insert(store, 'INSERT OR REPLACE INTO witnessed', inquiry);
}

/** Counts the open questions of one validator here. */
export function countInquiries(store: Store, validator: Uint8Array): number {
  const sql = 'SELECT count(*) AS n FROM witnessed WHERE validator = ? AND outcome IS NULL';
  return countColumns.get(store.prepare(sql), validator)?.n ?? 0;
}

/**
 * Tells whether this validator received the data that the provider of another validator's reply is said to withhold. A
 * provider that opens a record has it. One that has handed it in may still withhold its opening.
 */
export function wasFound(
  store: Store,
  validator: Uint8Array,
  { replyId, asked }: { readonly replyId: Uint8Array; readonly asked: 'record' | 'opening' },
): boolean {
  const sql =
    "SELECT 1 FROM witnessed WHERE validator = ? AND reply_id = ? AND outcome = 'found' AND asked IN ('opening', ?)";
  return store.prepare(sql).get(validator, replyId, asked) !== undefined;
}

/** Tells whether this validator received the data that a verifier is said to withhold. */
export function wasShown(
  store: Store,
  validator: Uint8Array,
  { asked, target, subject }: Pick<Question, 'asked' | 'target' | 'subject'>,
): boolean {
  const sql =
    "SELECT 1 FROM witnessed WHERE validator = ? AND asked = ? AND target = ? AND subject = ? AND outcome = 'found'";
  return store.prepare(sql).get(validator, asked, target, subject) !== undefined;
}

/** Deletes questions about orders that expired before then. */
export function pruneInquiries(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM witnessed WHERE expires_at < ?').run(beforeMs);
}

type Topic = Pick<Question, 'replyId' | 'asked' | 'target' | 'subject'>;

/** Lists the statements of witnesses, by their places. */
export function listStatements(store: Store, { replyId, asked, target, subject }: Topic): Statement[] {
  const sql = `SELECT ${statementColumns.list} FROM statements WHERE reply_id = ? AND asked = ? AND target = ? AND subject = ?
    ORDER BY place`;
  return statementColumns.all(store.prepare(sql), replyId, asked, target, subject);
}

export function keepStatement(store: Store, { replyId, asked, target, subject }: Topic, statement: Statement): void {
  keptStatement.insert(store, 'INSERT OR IGNORE INTO statements', { replyId, asked, target, subject, statement });
}

export function forgetStatements(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM statements WHERE reply_id = ?').run(replyId);
}
