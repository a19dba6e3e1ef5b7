import { bigInteger, bytes, columns, flag, integer, named, oneOf, optional, real } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { ASKED, type SilenceKind } from '@ogong/protocol/exchange/silence';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import { NOT_ASKED, type OpeningAsks } from './replies/opening-store.ts';

/** What somebody is said to be silent about. */
export interface Question {
  /** The handling validator, 20 bytes. */
  readonly validator: Uint8Array;
  readonly replyId: Uint8Array;
  readonly asked: SilenceKind;
  /** 32 bytes. */
  readonly target: Uint8Array;
  readonly orderHash: Uint8Array;
  /** 32 bytes: hash of the record whose opening is missing, of the verifier's job, or zero where a record is. */
  readonly subject: Uint8Array;
  /** Of the order. */
  readonly expiresAtMs: number;
}

/** How far this validator came with a question. */
export interface Inquiry extends Question, OpeningAsks {
  /** `found`: it was given what it asked for. `refused`: answered without it. `silent`: not answered. Undefined: it still asks. */
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
 * @returns the question as it was asked before, or as one that nobody has asked yet. Of a provider there is one for each reply; a
 * verifier may have several jobs about it.
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

/** How many questions of one validator are still open here. */
export function countInquiries(store: Store, validator: Uint8Array): number {
  const sql = 'SELECT count(*) AS n FROM witnessed WHERE validator = ? AND outcome IS NULL';
  return countColumns.get(store.prepare(sql), validator)?.n ?? 0;
}

/**
 * Whether this validator was given what the provider of a reply of that validator is said to have kept. Who opens a record has it; who
 * has handed it in may still keep its opening.
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

/** The same of what a verifier is said to have kept. */
export function wasShown(
  store: Store,
  validator: Uint8Array,
  { asked, target, subject }: Pick<Question, 'asked' | 'target' | 'subject'>,
): boolean {
  const sql =
    "SELECT 1 FROM witnessed WHERE validator = ? AND asked = ? AND target = ? AND subject = ? AND outcome = 'found'";
  return store.prepare(sql).get(validator, asked, target, subject) !== undefined;
}

/** Forgets questions about orders that expired before then. */
export function pruneInquiries(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM witnessed WHERE expires_at < ?').run(beforeMs);
}

type Topic = Pick<Question, 'replyId' | 'asked' | 'target' | 'subject'>;

/** The statements of witnesses, by their places. */
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
