import { bytes, type Column, columns, integer, mapped, named, oneOf, optional, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { encodeTailDraws, parseTailDraws, type TailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import type { OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import { commitmentColumns, openedColumns } from './attempt-store.ts';
import { OPEN_STATES, REPLY_STATES } from './reply-states.ts';

/** @param report canonical, that two verifiers of different operators agreed on. */
export function putAnswer(store: Store, replyId: Uint8Array, report: Uint8Array): void {
  store.prepare('INSERT OR IGNORE INTO known_answers (reply_id, report) VALUES (?, ?)').run(replyId, report);
}

const answerColumns = columns({ state: oneOf(REPLY_STATES), report: optional(bytes) });

/** The known answer of a reply: the canonical report, or that there will be none. */
export function readAnswer(
  store: Store,
  replyId: Uint8Array,
): { readonly isDecided: boolean; readonly report: Uint8Array | undefined } {
  const row = answerColumns.get(
    store.prepare(
      `SELECT replies.state, known_answers.report FROM replies LEFT JOIN known_answers USING (reply_id)
       WHERE reply_id = ?`,
    ),
    replyId,
  );
  return { isDecided: row === undefined || !OPEN_STATES.has(row.state), report: row?.report };
}

/** planned -> committed -> opened -> closed; each on the disk before the message that follows. */
export interface HoneypotRow {
  readonly id: Uint8Array;
  /** The reply that it is made of. */
  readonly replyId: Uint8Array;
  readonly verifierId: Uint8Array;
  readonly keyHash: Uint8Array;
  readonly outputTokens: readonly number[];
  readonly listSizes: Uint8Array;
  readonly shapeClasses: Uint8Array;
  readonly tailDraws: TailDraws;
  /** Of the replaced token; undefined where the reply is as it was. */
  readonly position: number | undefined;
  readonly askAtMs: number;
  readonly deadlineMs: number;
  readonly committed: SignedCommitment | undefined;
  readonly opened: OpenedReport | undefined;
}

/** u32, big-endian, one after another. */
const tokenList: Column<readonly number[]> = {
  ...mapped(bytes, readTokens, writeTokens),
  matches: (value) => value instanceof Uint8Array && value.length % 4 === 0,
  expected: 'bytes, four a token',
};

function readTokens(value: Uint8Array): readonly number[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return Array.from({ length: value.length / 4 }, (_, i) => view.getUint32(4 * i));
}

function writeTokens(tokens: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * tokens.length));
  for (const [i, token] of tokens.entries()) view.setUint32(4 * i, token);
  return new Uint8Array(view.buffer);
}

const storedHoneypot = columns({
  id: bytes,
  replyId: bytes,
  verifierId: bytes,
  keyHash: bytes,
  outputTokens: tokenList,
  listSizes: bytes,
  shapeClasses: bytes,
  tailDraws: bytes,
  position: optional(integer),
  askAtMs: named('ask_at', integer),
  deadlineMs: named('deadline', integer),
  committed: commitmentColumns,
  opened: openedColumns,
  outcome: optional(text),
});

interface HoneypotOutcome extends HoneypotRow {
  /** Undefined while it is open. */
  readonly outcome: string | undefined;
}

const toHoneypot = (row: ReturnType<typeof storedHoneypot.read>): HoneypotOutcome => ({
  ...row,
  // How many draws there are to parse is said by the tokens.
  tailDraws: parseTailDraws(row.tailDraws, row.outputTokens.length),
});

export function putHoneypot(store: Store, row: HoneypotRow): void {
  const tailDraws = encodeTailDraws(row.tailDraws);
  storedHoneypot.insert(store, 'INSERT OR IGNORE INTO honeypots', { ...row, tailDraws, outcome: undefined });
}

export function keepHoneypotCommitment(store: Store, id: Uint8Array, committed: SignedCommitment): void {
  store
    .prepare('UPDATE honeypots SET verifier_key = ?, digest = ?, commitment_signature = ? WHERE id = ?')
    .run(committed.verifierKey, committed.digest, committed.signature, id);
}

export function keepHoneypotReport(store: Store, id: Uint8Array, { salt, report, signature }: OpenedReport): void {
  store
    .prepare('UPDATE honeypots SET salt = ?, report = ?, signature = ? WHERE id = ?')
    .run(salt, report, signature, id);
}

/** @returns false where it was closed before. */
export function closeHoneypot(store: Store, id: Uint8Array, outcome: string): boolean {
  const { changes } = store
    .prepare('UPDATE honeypots SET outcome = ? WHERE id = ? AND outcome IS NULL')
    .run(outcome, id);
  return changes > 0;
}

/** Honeypots that wait for a step: ask, open or judge. */
export function listDueHoneypots(store: Store, nowMs: number, limit: number): HoneypotRow[] {
  const sql = `SELECT ${storedHoneypot.list} FROM honeypots WHERE outcome IS NULL AND ask_at <= ? ORDER BY ask_at LIMIT ?`;
  return storedHoneypot.all(store.prepare(sql), nowMs, limit).map(toHoneypot);
}

/** Drops honeypots that were closed before, and answers that none is waiting for. */
export function pruneHoneypots(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM honeypots WHERE outcome IS NOT NULL AND deadline < ?').run(beforeMs);
  store.prepare('DELETE FROM known_answers WHERE reply_id NOT IN (SELECT reply_id FROM honeypots)').run();
}
