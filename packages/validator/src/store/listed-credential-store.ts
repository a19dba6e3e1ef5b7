import { bytes, columns, mapped } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { encodeCredential, parseCredential } from '@ogong/protocol/verdict/credential';

/**
 * What candidates of an open sitting signed, where they are announced otherwise since. A beacon draws whoever the list names, and a report
 * that witnesses bring counts: it has to be put down to the payee that the list names, although its provider announces another one now,
 * or no verifier. A candidate that is still announced as it is listed has no row: one for each list and name is the most there is.
 */
const listedColumns = columns({ credential: mapped(bytes, parseCredential, encodeCredential) });

/** Before an announcement that binds a verifier ends, or changes. The first one that a list lost is the one that it was made of. */
export function keepListedCredential(
  store: Store,
  { providerId, credential }: { readonly providerId: Uint8Array; readonly credential: Uint8Array | undefined },
): void {
  if (credential === undefined) return;
  // The first condition lets an index find the few that are open.
  store
    .prepare(
      `INSERT OR IGNORE INTO listed_credentials (reply_id, provider_id, credential)
       SELECT reply_id, ?, ? FROM replies
       WHERE state IN ('admitted', 'recorded', 'auditing', 'waiting') AND state = 'auditing' AND instr(candidates, ?) > 0`,
    )
    .run(providerId, credential, providerId);
}

/** @returns undefined where it is announced as it was listed. */
export function readListedCredential(
  store: Store,
  replyId: Uint8Array,
  providerId: Uint8Array,
): SignedAnnouncement | undefined {
  const sql = `SELECT ${listedColumns.list} FROM listed_credentials WHERE reply_id = ? AND provider_id = ?`;
  return listedColumns.get(store.prepare(sql), replyId, providerId)?.credential;
}

/** Once the sitting is over: each attempt has its own. */
export function forgetListedCredentials(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM listed_credentials WHERE reply_id = ?').run(replyId);
}
