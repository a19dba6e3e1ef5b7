import type { Store } from '@ogong/host/store/store';
import type { Attempt, OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import { readReply } from './reply-store.ts';

/**
 * Which verifiers were asked about a reply that is being audited, and what came back: asked -> committed -> report, or
 * garbage (what came is nothing, or a commitment was not opened), or silent. Every step is on the disk before the next
 * message leaves.
 */
export type AttemptOutcome = 'asked' | 'committed' | 'report' | 'garbage' | 'silent';

export interface AttemptRow extends Attempt {
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
  /** Of the key that has to sign; absent for a verifier that is known by its endpoint alone. */
  readonly keyHash: Uint8Array | undefined;
}

/** Nothing where the reply got its verdict meanwhile. */
export function keepAttempt(store: Store, replyId: Uint8Array, row: AttemptRow): void {
  if (readReply(store, replyId)?.state !== 'auditing') return;
  const { committed, opened } = row;
  store
    .prepare(
      `INSERT OR REPLACE INTO attempts (reply_id, attempt, round, verifier_id, key_hash, nonce, outcome,
       verifier_key, digest, commitment_signature, salt, report, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      replyId,
      row.attempt,
      row.round,
      row.verifierId,
      row.keyHash ?? null,
      row.nonce,
      row.outcome,
      committed?.verifierKey ?? null,
      committed?.digest ?? null,
      committed?.signature ?? null,
      opened?.salt ?? null,
      opened?.report ?? null,
      opened?.signature ?? null,
    );
}

export function listAttempts(store: Store, replyId: Uint8Array): AttemptRow[] {
  return store
    .prepare('SELECT * FROM attempts WHERE reply_id = ? ORDER BY attempt')
    .all(replyId)
    .map((row) => ({
      attempt: row.attempt as number,
      round: row.round as number,
      verifierId: row.verifier_id as Uint8Array,
      keyHash: (row.key_hash as Uint8Array | null) ?? undefined,
      nonce: row.nonce as Uint8Array,
      outcome: row.outcome as AttemptOutcome,
      committed: readCommitment(row),
      opened: readOpened(row),
    }));
}

export function readCommitment(row: Record<string, unknown>): SignedCommitment | undefined {
  if (row.digest === null) return undefined;
  return {
    verifierKey: row.verifier_key as Uint8Array,
    digest: row.digest as Uint8Array,
    signature: row.commitment_signature as Uint8Array,
  };
}

export function readOpened(row: Record<string, unknown>): OpenedReport | undefined {
  if (row.salt === null) return undefined;
  return {
    salt: row.salt as Uint8Array,
    report: row.report as Uint8Array,
    signature: row.signature as Uint8Array,
  };
}
