import { ApiError } from '@ogong/host/http/api-error';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { PayingKey } from '../buy/reply.ts';
import { accuseProvider, reportToRouter } from '../buy/report-attempt.ts';
import { type HeldPart, type KeepPartContext, keepSealedPart, type SealedPassage } from './close-sealed.ts';
import type { DoubtedProviders } from './doubted-providers.ts';

/** Sealed replies that broke off, until their clients report which part they have. */
export interface BrokenReplies {
  put(replyId: string, reply: BrokenReply): void;
  has(replyId: string, key: PayingKey): boolean;
  /** @returns the receipt of a part; undefined otherwise. @throws ApiError */
  close(replyId: string, key: PayingKey, outcome: HeldPart | object): Promise<Receipt | undefined>;
  /** Ends all waiting. */
  stop(): void;
}

interface BrokenReply extends Pick<SealedPassage, 'endpoint' | 'request' | 'settlementType' | 'attempt'> {
  readonly keyId: string;
  /**
   * The provider may only have waited for the client's progress (see UnsaidText). A client that stays silent now accuses nobody.
   */
  readonly isUnsaid: boolean;
  /** The provider signed that it ended the order, so nobody accuses it. Default: it broke off. */
  readonly isEnded?: boolean;
}

/** A client needs less time to check the last milestone and seal it. */
const PART_WAIT_MS = 20_000;

export function createBrokenReplies(context: KeepPartContext, doubted: Pick<DoubtedProviders, 'note'>): BrokenReplies {
  const { clock } = context;
  const waiting = new Map<string, BrokenReply & { readonly timer: NodeJS.Timeout; readonly untilMs: number }>();
  let isStopped = false;

  function put(replyId: string, reply: BrokenReply, untilMs: number): void {
    const timer = setTimeout(() => giveUp(replyId), Math.max(0, untilMs - clock.nowMs()));
    timer.unref();
    waiting.set(replyId, { ...reply, timer, untilMs });
    // After the stop, wait for no client.
    if (isStopped) giveUp(replyId);
  }

  function take(replyId: string) {
    const reply = waiting.get(replyId);
    clearTimeout(reply?.timer);
    waiting.delete(replyId);
    return reply;
  }

  const accuse = async ({ attempt, isEnded = false }: BrokenReply): Promise<void> => {
    if (!isEnded) await accuseProvider(context, attempt, { reason: 'abandoned' });
  };

  /** Ends the wait: the client wants to pay for no part, or is silent. */
  function giveUp(replyId: string): void {
    const reply = take(replyId);
    if (reply?.isUnsaid) reportToRouter(context, reply.attempt, { outcome: 'unused', outputTokens: 0 });
    else if (reply) accuse(reply).catch((error: unknown) => context.onError?.(error));
  }

  return {
    put: (replyId, reply) => put(replyId, reply, clock.nowMs() + PART_WAIT_MS),
    has: (replyId, { id }) => waiting.get(replyId)?.keyId === id,
    async close(replyId, key, outcome) {
      // Take the entry first, so that no second part is kept meanwhile and the provider is not accused.
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
