import { bytes, columns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { type ReplyRow, readReply, toClaim } from './reply-store.ts';

const idColumns = columns({ replyId: bytes });

/**
 * The newest accepted texts of a model that somebody else served and whose request is still kept: their right reports are known.
 * @param limit how many are looked at; those of other models among them are left out.
 */
export function listTimedWork(
  store: Store,
  { providerId, modelRoot }: { readonly providerId: Uint8Array; readonly modelRoot: Uint8Array },
  limit: number,
): ReplyRow[] {
  const sql = `SELECT log.reply_id FROM log JOIN replies ON replies.reply_id = log.reply_id
    WHERE verdict = 'accept' AND request IS NOT NULL AND provider_id <> ? ORDER BY log.position DESC LIMIT ?`;
  return idColumns.all(store.prepare(sql), providerId, limit).flatMap(({ replyId }) => {
    const row = readReply(store, replyId);
    if (row?.submission === undefined) return [];
    const { header, record } = toClaim(row);
    return isTextHeader(header) && equalBytes(record.modelRoot, modelRoot) ? [row] : [];
  });
}
