import type { Store } from '../../store/store.ts';
import type { Attempt } from './evidence.ts';
import { readReply } from './reply-store.ts';

/** Which verifiers were asked about a reply that is being audited, and what came back. */
export type AttemptOutcome = 'report' | 'garbage' | 'silent';

export interface AttemptRow extends Attempt {
  readonly outcome: AttemptOutcome;
}

/** Nothing where the reply got its verdict meanwhile. */
export function keepAttempt(store: Store, replyId: Uint8Array, attempt: number, row: AttemptRow): void {
  if (readReply(store, replyId)?.state !== 'auditing') return;
  const { verifierId, outcome, signed } = row;
  store
    .prepare(
      `INSERT INTO attempts (reply_id, attempt, verifier_id, outcome, report, verifier_key, signature)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      replyId,
      attempt,
      verifierId,
      outcome,
      signed?.report ?? null,
      signed?.verifierKey ?? null,
      signed?.signature ?? null,
    );
}

export function listAttempts(store: Store, replyId: Uint8Array): AttemptRow[] {
  return store
    .prepare('SELECT * FROM attempts WHERE reply_id = ? ORDER BY attempt')
    .all(replyId)
    .map((row) => ({
      verifierId: row.verifier_id as Uint8Array,
      outcome: row.outcome as AttemptOutcome,
      signed:
        row.report === null
          ? undefined
          : {
              report: row.report as Uint8Array,
              verifierKey: row.verifier_key as Uint8Array,
              signature: row.signature as Uint8Array,
            },
    }));
}
