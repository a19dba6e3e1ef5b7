import { bytes, columns, mapped } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { encodeCredential, parseCredential } from '@ogong/protocol/verdict/credential';

/**
 * Credentials of candidates of a running audit attempt whose announcement has changed since. The beacon draws any
 * listed candidate, and a report from witnesses counts. So the report must be bound to the listed payee, even if the
 * provider now announces another one, or no verifier. A candidate with an unchanged announcement has no row, so there
 * is at most one row for each list and name.
 */
const listedColumns = columns({ credential: mapped(bytes, parseCredential, encodeCredential) });

/**
 * Stores the credential before an announcement that binds a verifier ends or changes. The first one after the list was
 * made stays.
 */
export function keepListedCredential(
  store: Store,
  { providerId, credential }: { readonly providerId: Uint8Array; readonly credential: Uint8Array | undefined },
): void {
  if (credential === undefined) return;
  // The first condition lets an index find the few running attempts.
  store
    .prepare(
      `INSERT OR IGNORE INTO listed_credentials (reply_id, provider_id, credential)
       SELECT reply_id, ?, ? FROM replies
       WHERE state IN ('admitted', 'recorded', 'auditing', 'waiting') AND state = 'auditing' AND instr(candidates, ?) > 0`,
    )
    .run(providerId, credential, providerId);
}

/** @returns undefined if the announcement is unchanged since the list. */
export function readListedCredential(
  store: Store,
  replyId: Uint8Array,
  providerId: Uint8Array,
): SignedAnnouncement | undefined {
  const sql = `SELECT ${listedColumns.list} FROM listed_credentials WHERE reply_id = ? AND provider_id = ?`;
  return listedColumns.get(store.prepare(sql), replyId, providerId)?.credential;
}

/** Deletes the credentials once the audit attempt is over: each asked verifier has its own. */
export function forgetListedCredentials(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM listed_credentials WHERE reply_id = ?').run(replyId);
}
