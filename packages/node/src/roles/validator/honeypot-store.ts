import { concatBytes } from '@ogong/protocol/bytes';
import type { Store } from '../../store/store.ts';
import { readCommitment } from './attempt-store.ts';
import type { SignedCommitment } from './evidence.ts';

/** A reply whose report is known, with all that makes a job of it. */
export interface AnswerRow {
  readonly replyId: Uint8Array;
  readonly providerId: Uint8Array;
  readonly request: Uint8Array;
  readonly endpoint: string;
  readonly header: Uint8Array;
  /** Canonical report that two verifiers agreed on. */
  readonly report: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly bankSeed: Uint8Array;
  /** Provider ids and operators of those who have seen the reply. */
  readonly seenBy: readonly Uint8Array[];
}

export function putAnswer(store: Store, row: AnswerRow, nowMs: number): void {
  store
    .prepare(
      `INSERT OR IGNORE INTO known_answers (reply_id, provider_id, request, endpoint, header, report, model_root,
       bank_seed, seen_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      row.replyId,
      row.providerId,
      row.request,
      row.endpoint,
      row.header,
      row.report,
      row.modelRoot,
      row.bankSeed,
      concatBytes(...row.seenBy),
      nowMs,
    );
}

export function readAnswer(store: Store, replyId: Uint8Array): AnswerRow | undefined {
  const row = store.prepare('SELECT * FROM known_answers WHERE reply_id = ?').get(replyId);
  if (row === undefined) return undefined;
  const seen = row.seen_by as Uint8Array;
  return {
    replyId: row.reply_id as Uint8Array,
    providerId: row.provider_id as Uint8Array,
    request: row.request as Uint8Array,
    endpoint: row.endpoint as string,
    header: row.header as Uint8Array,
    report: row.report as Uint8Array,
    modelRoot: row.model_root as Uint8Array,
    bankSeed: row.bank_seed as Uint8Array,
    seenBy: Array.from({ length: seen.length / 32 }, (_, i) => seen.slice(i * 32, i * 32 + 32)),
  };
}

/** Ids of known answers under one sketch bank, in an order that says nothing about their age. */
export function listAnswers(store: Store, modelRoot: Uint8Array, bankSeed: Uint8Array): Uint8Array[] {
  return store
    .prepare('SELECT reply_id FROM known_answers WHERE bank_seed = ? AND model_root = ? ORDER BY reply_id')
    .all(bankSeed, modelRoot)
    .map((row) => row.reply_id as Uint8Array);
}

/** From here on the verifier knows the reply. */
export function addSeenBy(store: Store, replyId: Uint8Array, ids: readonly Uint8Array[]): void {
  store
    .prepare('UPDATE known_answers SET seen_by = CAST(seen_by || ? AS BLOB) WHERE reply_id = ?')
    .run(concatBytes(...ids), replyId);
}

/** asked -> committed -> closed; each on the disk before the message that follows. */
export interface HoneypotRow {
  readonly id: Uint8Array;
  readonly replyId: Uint8Array;
  readonly verifierId: Uint8Array;
  readonly keyHash: Uint8Array;
  readonly isBad: boolean;
  readonly deadlineMs: number;
  readonly committed: SignedCommitment | undefined;
}

export function putHoneypot(store: Store, row: HoneypotRow): void {
  store
    .prepare(
      `INSERT OR IGNORE INTO honeypots (id, reply_id, verifier_id, key_hash, bad, deadline) VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(row.id, row.replyId, row.verifierId, row.keyHash, row.isBad ? 1 : 0, row.deadlineMs);
}

export function keepHoneypotCommitment(store: Store, id: Uint8Array, committed: SignedCommitment): void {
  store
    .prepare('UPDATE honeypots SET verifier_key = ?, digest = ?, commitment_signature = ? WHERE id = ?')
    .run(committed.verifierKey, committed.digest, committed.signature, id);
}

/** @returns false where it was closed before. */
export function closeHoneypot(store: Store, id: Uint8Array, outcome: string): boolean {
  const { changes } = store
    .prepare('UPDATE honeypots SET outcome = ? WHERE id = ? AND outcome IS NULL')
    .run(outcome, id);
  return changes > 0;
}

export function listOpenHoneypots(store: Store, limit: number): HoneypotRow[] {
  return store
    .prepare('SELECT * FROM honeypots WHERE outcome IS NULL ORDER BY deadline LIMIT ?')
    .all(limit)
    .map((row) => ({
      id: row.id as Uint8Array,
      replyId: row.reply_id as Uint8Array,
      verifierId: row.verifier_id as Uint8Array,
      keyHash: row.key_hash as Uint8Array,
      isBad: row.bad === 1,
      deadlineMs: row.deadline as number,
      committed: readCommitment(row),
    }));
}

/** Drops answers that no job can be mixed with any more, and honeypots that were closed before. */
export function pruneHoneypots(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM honeypots WHERE outcome IS NOT NULL AND deadline < ?').run(beforeMs);
  store
    .prepare(
      `DELETE FROM known_answers WHERE created_at < ?
       AND reply_id NOT IN (SELECT reply_id FROM honeypots WHERE outcome IS NULL)`,
    )
    .run(beforeMs);
}
