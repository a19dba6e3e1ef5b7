import { ApiError } from '@ogong/host/http/api-error';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { PayingKey, ReplyContext } from '../reply.ts';
import { accuseProvider } from '../report-attempt.ts';
import { type HeldPart, keepSealedPart, type SealedPassage } from './close-sealed.ts';
import type { DoubtedProviders } from './doubted-providers.ts';

/** Sealed replies that broke off, and whose clients have not said yet what they have of them. */
export interface BrokenReplies {
  put(replyId: string, reply: BrokenReply): void;
  has(replyId: string, key: PayingKey): boolean;
  /** @returns of a part its receipt. @throws ApiError */
  close(replyId: string, key: PayingKey, outcome: HeldPart | object): Promise<Receipt | undefined>;
  /** Waits for nobody any more. */
  stop(): void;
}

interface BrokenReply extends Pick<SealedPassage, 'endpoint' | 'request' | 'attempt'> {
  readonly keyId: string;
}

/** A client checks the last milestone and seals it in less. */
const PART_WAIT_MS = 20_000;

export function createBrokenReplies(context: ReplyContext, doubted: Pick<DoubtedProviders, 'note'>): BrokenReplies {
  const waiting = new Map<string, BrokenReply & { readonly timer: NodeJS.Timeout }>();

  function take(replyId: string): BrokenReply | undefined {
    const reply = waiting.get(replyId);
    clearTimeout(reply?.timer);
    waiting.delete(replyId);
    return reply;
  }

  /** The client has nothing of it that it wants to pay for, or says nothing. */
  function giveUp(replyId: string): void {
    const reply = take(replyId);
    if (reply === undefined) return;
    accuseProvider(context, reply.attempt, { reason: 'abandoned' }).catch((error: unknown) => context.onError?.(error));
  }

  return {
    put(replyId, reply) {
      const timer = setTimeout(() => giveUp(replyId), PART_WAIT_MS);
      timer.unref();
      waiting.set(replyId, { ...reply, timer });
    },
    has: (replyId, { id }) => waiting.get(replyId)?.keyId === id,
    async close(replyId, key, outcome) {
      const reply = waiting.get(replyId);
      if (reply === undefined) throw createUnknown('reply that broke off', replyId);
      if ('milestone' in outcome) {
        const receipt = await keepSealedPart(context, reply, outcome);
        take(replyId);
        return receipt;
      }
      if (!('reason' in outcome)) throw createUnknown('whole reply', replyId);
      doubted.note(reply.attempt.match.ticket.providerId, key, false);
      giveUp(replyId);
      return undefined;
    },
    stop() {
      for (const replyId of [...waiting.keys()]) giveUp(replyId);
    },
  };
}

export const createUnknown = (what: string, replyId: string): ApiError =>
  new ApiError('not_found', `There is no ${what} ${replyId.slice(0, 64)} of this key here, or no more.`, {
    publicCode: 'sealed_reply_not_found',
  });
