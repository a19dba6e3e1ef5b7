import { bytes, columns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type Header, isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { readReply, toClaim } from './replies/reply-store.ts';

const replyColumns = columns({ replyId: bytes });

/**
 * Finds a header of a model's replies, from the newest accepted one: vocabulary, sketches and class. A request that
 * sets thinking has another answer format than one that does not.
 * @param limit number of searched replies.
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
