import { bytes, columns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type Header, isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { readReply, toClaim } from './replies/reply-store.ts';

const replyColumns = columns({ replyId: bytes });

/**
 * How replies of a model look, from the newest accepted one: vocabulary, sketches and class. A reply whose request says something about
 * thinking is read in another format than a request that says nothing.
 * @param limit how many replies are looked at.
 */
export function findTextHeader(store: Store, modelRoot: Uint8Array, limit: number): Header | undefined {
  const sql = `SELECT log.reply_id FROM log JOIN replies ON replies.reply_id = log.reply_id
    WHERE verdict = 'accept' ORDER BY log.position DESC LIMIT ?`;
  for (const { replyId } of replyColumns.all(store.prepare(sql), limit)) {
    const row = readReply(store, replyId);
    if (row?.submission === undefined) continue;
    const { header, record } = toClaim(row);
    if (isTextHeader(header) && header.thinking.wanted === 'unsaid' && equalBytes(record.modelRoot, modelRoot)) {
      return header;
    }
  }
  return undefined;
}
