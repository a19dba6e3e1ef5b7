import { ApiError } from '@ogong/host/http/api-error';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { PayingKey } from '../buy/reply.ts';
import { accuseProvider, reportToRouter } from '../buy/report-attempt.ts';
import { type HeldPart, type KeepPartContext, keepSealedPart, type SealedPassage } from './close-sealed.ts';
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
  /** Perhaps the provider only waited for a word of the client (see UnsaidText): a client that says nothing now either accuses nobody. */
  readonly isUnsaid: boolean;
}

/** A client checks the last milestone and seals it in less. */
const PART_WAIT_MS = 20_000;

export function createBrokenReplies(context: KeepPartContext, doubted: Pick<DoubtedProviders, 'note'>): BrokenReplies {
  const { clock } = context;
  const waiting = new Map<string, BrokenReply & { readonly timer: NodeJS.Timeout; readonly untilMs: number }>();
  let isStopped = false;

  function put(replyId: string, reply: BrokenReply, untilMs: number): void {
    const timer = setTimeout(() => giveUp(replyId), Math.max(0, untilMs - clock.nowMs()));
    timer.unref();
    waiting.set(replyId, { ...reply, timer, untilMs });
    // Nobody waits any more.
    if (isStopped) giveUp(replyId);
  }

  function take(replyId: string) {
    const reply = waiting.get(replyId);
    clearTimeout(reply?.timer);
    waiting.delete(replyId);
    return reply;
  }

  const accuse = ({ attempt }: BrokenReply): Promise<void> => accuseProvider(context, attempt, { reason: 'abandoned' });

  /** The client has nothing of it that it wants to pay for, or says nothing. */
  function giveUp(replyId: string): void {
    const reply = take(replyId);
    if (reply?.isUnsaid) reportToRouter(context, reply.attempt, { outcome: 'unused', outputTokens: 0 });
    else if (reply) accuse(reply).catch((error: unknown) => context.onError?.(error));
  }

  return {
    put: (replyId, reply) => put(replyId, reply, clock.nowMs() + PART_WAIT_MS),
    has: (replyId, { id }) => waiting.get(replyId)?.keyId === id,
    async close(replyId, key, outcome) {
      // Taken first, so that while this one is kept no second one is, and its provider is not accused.
      const reply = take(replyId);
      if (reply === undefined) throw createUnknown('reply that broke off', replyId);
      try {
        if ('milestone' in outcome) return await keepSealedPart(context, reply, outcome);
        if (!('reason' in outcome)) throw createUnknown('whole reply', replyId);
        await accuse(reply);
      } catch (error) {
        put(replyId, reply, reply.untilMs);
        throw error;
      }
      doubted.note(reply.attempt.match.ticket.providerId, key, false);
      return undefined;
    },
    stop() {
      isStopped = true;
      for (const replyId of [...waiting.keys()]) giveUp(replyId);
    },
  };
}

export const createUnknown = (what: string, replyId: string): ApiError =>
  new ApiError('not_found', `There is no ${what} ${replyId.slice(0, 64)} of this key here, or no more.`, {
    publicCode: 'sealed_reply_not_found',
  });
