import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import type { KeptReply } from '../modality/local-reply.ts';

/** Receipts of the last answers, in memory alone. */
export interface LocalReceipts {
  keep(at: { readonly answerId: string; readonly choice: number }, reply: KeptReply): void;
  /** @param id of a reply, or of an answer with the number of a choice. */
  find(id: string, choice?: number): KeptReply | undefined;
}

interface Entry {
  readonly key: string;
  readonly reply: KeptReply;
  readonly sizeBytes: number;
}

/** An answer of 1,000 tokens has about 0.3 MB, a picture of 512x512 pixels in 20 steps about 2 MB. */
const MOST: { readonly replies: number; readonly sizeBytes: number } = { replies: 1024, sizeBytes: 128 * 1024 * 1024 };

/** Forgets the oldest once there are too many, or they are too large together. */
export function createLocalReceipts({ replies, sizeBytes } = MOST): LocalReceipts {
  const entries = new Map<string, Entry>();
  const byAnswer = new Map<string, string>();
  let total = 0;

  function drop({ key, reply, sizeBytes: freed }: Entry): void {
    entries.delete(reply.replyId);
    byAnswer.delete(key);
    total -= freed;
  }

  return {
    keep({ answerId, choice }, reply) {
      const { receipt, request, response, replyId, media = NO_MEDIA, blobs = [] } = reply;
      const parts = [
        receipt.record.bytes,
        receipt.opening.bytes,
        request,
        response,
        ...blobs.map(({ bytes }) => bytes),
        ...media.values(),
      ];
      const entry = {
        key: `${answerId} ${choice}`,
        reply,
        sizeBytes: parts.reduce((sum, { length }) => sum + length, 0),
      };
      if (entry.sizeBytes > sizeBytes) return;
      entries.set(replyId, entry);
      byAnswer.set(entry.key, replyId);
      total += entry.sizeBytes;
      for (const oldest of entries.values()) {
        if (entries.size <= replies && total <= sizeBytes) return;
        drop(oldest);
      }
    },
    find: (id, choice = 0) => entries.get(byAnswer.get(`${id} ${choice}`) ?? id)?.reply,
  };
}
