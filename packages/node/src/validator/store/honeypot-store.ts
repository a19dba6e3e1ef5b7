import type { Store } from '@ogong/host/store/store';
import { encodeTailDraws, parseTailDraws, type TailDraws } from '@ogong/protocol/stage1/tail-draws';
import type { OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import { readCommitment, readOpened } from './attempt-store.ts';

/** @param report canonical, that two verifiers of different operators agreed on. */
export function putAnswer(store: Store, replyId: Uint8Array, report: Uint8Array): void {
  store.prepare('INSERT OR IGNORE INTO known_answers (reply_id, report) VALUES (?, ?)').run(replyId, report);
}

/** What is known of a reply: the canonical report, or that there will be none. */
export function readAnswer(
  store: Store,
  replyId: Uint8Array,
): { readonly isDecided: boolean; readonly report: Uint8Array | undefined } {
  const row = store
    .prepare(
      `SELECT replies.state, known_answers.report FROM replies LEFT JOIN known_answers USING (reply_id)
       WHERE reply_id = ?`,
    )
    .get(replyId);
  return {
    isDecided: row === undefined || !['admitted', 'recorded', 'auditing'].includes(row.state as string),
    report: (row?.report as Uint8Array | null | undefined) ?? undefined,
  };
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

export function putHoneypot(store: Store, row: HoneypotRow): void {
  const tokens = new DataView(new ArrayBuffer(4 * row.outputTokens.length));
  for (const [i, token] of row.outputTokens.entries()) tokens.setUint32(4 * i, token);
  store
    .prepare(
      `INSERT OR IGNORE INTO honeypots (id, reply_id, verifier_id, key_hash, output_tokens, list_sizes, shape_classes,
       tail_draws, position, ask_at, deadline) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      row.id,
      row.replyId,
      row.verifierId,
      row.keyHash,
      new Uint8Array(tokens.buffer),
      row.listSizes,
      row.shapeClasses,
      encodeTailDraws(row.tailDraws),
      row.position ?? null,
      row.askAtMs,
      row.deadlineMs,
    );
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

/** Those with something to do: to ask, to open, or to judge. */
export function listDueHoneypots(store: Store, nowMs: number, limit: number): HoneypotRow[] {
  return store
    .prepare('SELECT * FROM honeypots WHERE outcome IS NULL AND ask_at <= ? ORDER BY ask_at LIMIT ?')
    .all(nowMs, limit)
    .map(toHoneypot);
}

function toHoneypot(row: Record<string, unknown>): HoneypotRow {
  const bytes = row.output_tokens as Uint8Array;
  const tokens = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    id: row.id as Uint8Array,
    replyId: row.reply_id as Uint8Array,
    verifierId: row.verifier_id as Uint8Array,
    keyHash: row.key_hash as Uint8Array,
    outputTokens: Array.from({ length: bytes.length / 4 }, (_, i) => tokens.getUint32(4 * i)),
    listSizes: row.list_sizes as Uint8Array,
    shapeClasses: row.shape_classes as Uint8Array,
    tailDraws: parseTailDraws(row.tail_draws as Uint8Array, bytes.length / 4),
    position: (row.position as number | null) ?? undefined,
    askAtMs: row.ask_at as number,
    deadlineMs: row.deadline as number,
    committed: readCommitment(row),
    opened: readOpened(row),
  };
}

/** All that were made of one reply, with what came of them. */
export function listHoneypotsOf(
  store: Store,
  replyId: Uint8Array,
): (HoneypotRow & { readonly outcome: string | null })[] {
  return store
    .prepare('SELECT * FROM honeypots WHERE reply_id = ? ORDER BY ask_at, id')
    .all(replyId)
    .map((row) => ({ ...toHoneypot(row), outcome: row.outcome as string | null }));
}

export function putReserve(store: Store, replyId: Uint8Array, deadlineMs: number): void {
  store.prepare('INSERT OR IGNORE INTO reserve (reply_id, deadline) VALUES (?, ?)').run(replyId, deadlineMs);
}

export function readReserve(
  store: Store,
  replyId: Uint8Array,
): { readonly deadlineMs: number; readonly opening: Uint8Array | undefined } | undefined {
  const row = store.prepare('SELECT deadline, opening FROM reserve WHERE reply_id = ?').get(replyId);
  return row && { deadlineMs: row.deadline as number, opening: (row.opening as Uint8Array | null) ?? undefined };
}

/** @returns ids of replies whose opening is still to be asked for. */
export function listReserve(store: Store, limit: number): Uint8Array[] {
  return store
    .prepare('SELECT reply_id FROM reserve WHERE opening IS NULL LIMIT ?')
    .all(limit)
    .map((row) => row.reply_id as Uint8Array);
}

export function keepReserve(store: Store, replyId: Uint8Array, opening: Uint8Array): void {
  store.prepare('UPDATE reserve SET opening = ? WHERE reply_id = ?').run(opening, replyId);
}

export function dropReserve(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM reserve WHERE reply_id = ?').run(replyId);
}

/** Drops honeypots that were closed before, and answers that none is waiting for. */
export function pruneHoneypots(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM honeypots WHERE outcome IS NOT NULL AND deadline < ?').run(beforeMs);
  store
    .prepare('DELETE FROM reserve WHERE deadline < ? AND reply_id NOT IN (SELECT reply_id FROM honeypots)')
    .run(beforeMs);
  store.prepare('DELETE FROM known_answers WHERE reply_id NOT IN (SELECT reply_id FROM honeypots)').run();
}
