import { bytes, columns, integer, mapped, named, oneOf, optional, optionalColumns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { encodeCredential, parseCredential } from '@ogong/protocol/verdict/credential';
import type { Attempt } from '@ogong/protocol/verdict/evidence';
import { encodeStatements, parseStatements } from '@ogong/protocol/verdict/witnessed';
import { readReply } from './reply-store.ts';

/**
 * State of a question to a verifier about a reply under audit: asked -> committed -> report. It may also end as garbage
 * (a useless answer, or an unopened commitment) or silent. Every step is on the disk before the next message leaves.
 */
export type AttemptOutcome = 'asked' | 'committed' | 'report' | 'garbage' | 'silent';

export interface AttemptRow extends Attempt {
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
  /** Hash of the key that must sign; absent for a verifier that is known by its endpoint alone. */
  readonly keyHash: Uint8Array | undefined;
}

export const commitmentColumns = optionalColumns({
  verifierKey: bytes,
  digest: bytes,
  signature: named('commitment_signature', bytes),
});

export const openedColumns = optionalColumns({ salt: bytes, report: bytes, signature: bytes });

const attemptFields = {
  attempt: integer,
  sitting: integer,
  round: integer,
  verifierId: bytes,
  keyHash: optional(bytes),
  credential: optional(mapped(bytes, parseCredential, encodeCredential)),
  nonce: bytes,
  statements: optional(mapped(bytes, parseStatements, encodeStatements)),
  outcome: oneOf(['asked', 'committed', 'report', 'garbage', 'silent']),
  committed: commitmentColumns,
  opened: openedColumns,
} as const;
const attemptColumns = columns(attemptFields);
const keptAttempt = columns({ replyId: bytes, ...attemptFields });

/** Stores a question to a verifier. Does nothing if the reply has its verdict already. */
export function keepAttempt(store: Store, replyId: Uint8Array, row: AttemptRow): void {
  if (readReply(store, replyId)?.state !== 'auditing') return;
  keptAttempt.insert(store, 'INSERT OR REPLACE INTO attempts', {
    replyId,
    credential: undefined,
    statements: undefined,
    ...row,
  });
}

export function listAttempts(store: Store, replyId: Uint8Array): AttemptRow[] {
  const sql = `SELECT ${attemptColumns.list} FROM attempts WHERE reply_id = ? ORDER BY attempt`;
  return attemptColumns.all(store.prepare(sql), replyId);
}
