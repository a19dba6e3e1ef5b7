import { bytes, columns, flag, integer, mapped, named, optional, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { encodeCredential, parseCredential } from '@ogong/protocol/verdict/credential';
import type { OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import { encodeStatements, parseStatements, type Statement } from '@ogong/protocol/verdict/witnessed';
import { commitmentColumns, openedColumns } from './replies/attempt-store.ts';
import { recordVerifier } from './verifier-store.ts';

/**
 * A honeypot moves planned -> committed -> opened -> closed, each on the disk before the message that follows. A
 * verifier that does not answer is given up, and witnesses ask it. The verdict of its reply closes the honeypot.
 */
export interface HoneypotRow {
  readonly id: Uint8Array;
  /** The reply from which it is made. */
  readonly replyId: Uint8Array;
  /** Value of the beacon that selected the reply, 32 bytes. */
  readonly beacon: Uint8Array;
  /** VRF proof, 80 bytes. Its output is the nonce, from which the content of the job follows. */
  readonly proof: Uint8Array;
  readonly verifierId: Uint8Array;
  readonly keyHash: Uint8Array;
  readonly askAtMs: number;
  readonly deadlineMs: number;
  /** Credential of the payee that is liable for the report. */
  readonly credential: SignedAnnouncement | undefined;
  readonly committed: SignedCommitment | undefined;
  readonly opened: OpenedReport | undefined;
  /** True if the opened report does not count. */
  readonly isUnreadable: boolean;
  /** True if it did not answer this validator, so witnesses ask. */
  readonly isGivenUp: boolean;
  /** Statements of witnesses that received nothing either. */
  readonly statements: readonly Statement[] | undefined;
}

const storedHoneypot = columns({
  id: bytes,
  replyId: bytes,
  beacon: bytes,
  proof: bytes,
  verifierId: bytes,
  keyHash: bytes,
  askAtMs: named('ask_at', integer),
  deadlineMs: named('deadline', integer),
  credential: optional(mapped(bytes, parseCredential, encodeCredential)),
  committed: commitmentColumns,
  opened: openedColumns,
  isUnreadable: named('unreadable', flag),
  isGivenUp: named('given_up', flag),
  statements: optional(mapped(bytes, parseStatements, encodeStatements)),
  outcome: optional(text),
});

const idColumns = columns({ verifierId: bytes });

/** Stores a honeypot. It replaces one that an earlier program planned with a nonce of its own choice. */
export function putHoneypot(store: Store, row: HoneypotRow): void {
  storedHoneypot.insert(store, 'INSERT OR REPLACE INTO honeypots', { ...row, outcome: undefined });
}

export function keepHoneypotCommitment(store: Store, id: Uint8Array, committed: SignedCommitment): void {
  store
    .prepare('UPDATE honeypots SET verifier_key = ?, digest = ?, commitment_signature = ? WHERE id = ?')
    .run(committed.verifierKey, committed.digest, committed.signature, id);
}

/** Stores the opened report, for which the audit may wait. */
export function keepHoneypotReport(
  store: Store,
  row: HoneypotRow,
  {
    opened: { salt, report, signature },
    isUnreadable,
    nowMs,
  }: { readonly opened: OpenedReport; readonly isUnreadable: boolean; readonly nowMs: number },
): void {
  store
    .prepare(
      "UPDATE honeypots SET salt = ?, report = ?, signature = ?, unreadable = ? WHERE id = ? AND (outcome IS NULL OR outcome = 'dropped')",
    )
    .run(salt, report, signature, isUnreadable ? 1 : 0, row.id);
  // The verdict may have come first.
  countGarbage(store, row.replyId, nowMs);
  resumeAudit(store, row, nowMs);
}

/** Marks that the verdict waits for witnesses from now on. @returns false if it was answered or given up before. */
export function giveUpHoneypot(store: Store, row: HoneypotRow, nowMs: number): boolean {
  const sql = 'UPDATE honeypots SET given_up = 1 WHERE id = ? AND outcome IS NULL AND report IS NULL AND given_up = 0';
  const { changes } = store.prepare(sql).run(row.id);
  if (changes > 0) resumeAudit(store, row, nowMs);
  return changes > 0;
}

export function keepHoneypotStatements(store: Store, id: Uint8Array, statements: readonly Statement[]): void {
  store
    .prepare('UPDATE honeypots SET given_up = 1, statements = ? WHERE id = ? AND outcome IS NULL AND report IS NULL')
    .run(encodeStatements(statements), id);
}

/** Closes the honeypot with the verdict of its reply. A doubtful answer that no entry mentions counts here. */
export function closeHoneypotOf(
  store: Store,
  replyId: Uint8Array,
  {
    outcome,
    suspect,
    nowMs,
  }: {
    readonly outcome: 'passed' | 'failed' | 'silent' | 'dropped';
    readonly suspect: Uint8Array | undefined;
    readonly nowMs: number;
  },
): void {
  store.prepare('UPDATE honeypots SET outcome = ? WHERE reply_id = ? AND outcome IS NULL').run(outcome, replyId);
  if (suspect) recordVerifier(store, suspect, 'refuted', { nowMs, reason: 'doubtful answer to a honeypot' });
  countGarbage(store, replyId, nowMs);
}

/** Counts an unreadable answer that no entry mentions. */
function countGarbage(store: Store, replyId: Uint8Array, nowMs: number): void {
  const sql = `UPDATE honeypots SET outcome = 'garbage' WHERE reply_id = ? AND outcome = 'dropped' AND unreadable = 1
    RETURNING verifier_id`;
  for (const { verifierId } of idColumns.all(store.prepare(sql), replyId)) {
    recordVerifier(store, verifierId, 'garbage', { nowMs });
  }
}

/** Finds the open honeypot of an audit. One without a proof comes from an earlier program. */
export function findHoneypot(store: Store, id: Uint8Array): HoneypotRow | undefined {
  const sql = `SELECT ${storedHoneypot.list} FROM honeypots WHERE id = ? AND outcome IS NULL AND proof IS NOT NULL`;
  return storedHoneypot.get(store.prepare(sql), id);
}

/** Delays the audit until then, so that it takes no place of another one. */
export function awaitHoneypot(store: Store, { replyId }: Pick<HoneypotRow, 'replyId'>, untilMs: number): void {
  store.prepare("UPDATE replies SET ask_at = ? WHERE reply_id = ? AND state = 'auditing'").run(untilMs, replyId);
}

/** Resumes the audit that waits for the honeypot's deadline. */
function resumeAudit(store: Store, { replyId, deadlineMs }: HoneypotRow, nowMs: number): void {
  store
    .prepare("UPDATE replies SET ask_at = ? WHERE reply_id = ? AND state = 'auditing' AND ask_at = ?")
    .run(nowMs, replyId, deadlineMs);
}

/** Lists honeypots whose verifier must commit or reveal now. */
export function listDueHoneypots(store: Store, nowMs: number, limit: number): HoneypotRow[] {
  const sql = `SELECT ${storedHoneypot.list} FROM honeypots
    WHERE outcome IS NULL AND report IS NULL AND given_up = 0 AND proof IS NOT NULL AND ask_at <= ? ORDER BY ask_at LIMIT ?`;
  return storedHoneypot.all(store.prepare(sql), nowMs, limit);
}

/** Deletes older closed honeypots. */
export function pruneHoneypots(store: Store, beforeMs: number): void {
  store.prepare('DELETE FROM honeypots WHERE outcome IS NOT NULL AND deadline < ?').run(beforeMs);
}
