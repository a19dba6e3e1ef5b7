import { ApiError, type ApiErrorCode } from '@ogong/host/http/api-error';
import { toHex } from '@ogong/protocol/base/bytes';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { checkReply } from './check-reply.ts';
import { followProvider } from './follow-provider.ts';
import { type AttemptNotes, createAttemptNotes } from './note-attempt.ts';
import { openAttempt } from './open-attempt.ts';
import type { Delta } from './provider-call.ts';
import type { BoughtAnswer, BoughtReply, FailedTry, ProviderAttempt, ReplyContext, ReplyJob } from './reply.ts';
import { createShownStream } from './shown-stream.ts';

export interface ReplyService {
  /**
   * One choice of a completion. Streams what a provider says, and returns it once it is checked. If a provider fails, another one
   * is tried: one that was shown in part goes on where its draws do not depend on who serves it.
   * @throws ApiError
   */
  serve<Q extends CommonRequest = InferenceRequest, R extends BoughtAnswer = BoughtReply>(
    job: ReplyJob<Q, R>,
  ): AsyncGenerator<Delta, R>;
}

/** Providers that one reply is tried with. */
const MAX_ATTEMPTS = 3;

export function createReplyService(context: ReplyContext): ReplyService {
  return {
    async *serve<Q extends CommonRequest, R extends BoughtAnswer>(job: ReplyJob<Q, R>): AsyncGenerator<Delta, R> {
      const tried: Uint8Array[] = [];
      const failed: FailedTry[] = [];
      const shown = createShownStream();
      let last: ApiError | undefined;
      let mayRepeat = true;
      // Who names a provider wants to know whether that one answers.
      for (let left = job.provider === undefined ? MAX_ATTEMPTS : 1; left > 0; left--) {
        let attempt: ProviderAttempt | undefined;
        const notes = createAttemptNotes(context, job);
        let signedBytes = 0;
        const onPart = (textBytes: number) => {
          signedBytes = textBytes;
        };
        shown.restart();
        try {
          attempt = await openAttempt(context, job, tried);
          notes.ordered(attempt);
          tried.push(attempt.match.ticket.providerId);
          const stream = tryOnce(context, job, { attempt, notes, assertWhole: shown.end, onPart });
          try {
            for (;;) {
              const next = await stream.next();
              if (next.done) {
                notes.ended(attempt, { reply: next.value });
                return failed.length === 0 ? next.value : { ...next.value, earlierTries: failed };
              }
              const fresh = job.form.streams ? shown.take(next.value) : undefined;
              if (fresh !== undefined) yield fresh;
            }
          } finally {
            await stream.return(undefined as never);
          }
        } catch (error) {
          if (attempt) notes.ended(attempt, { error });
          if (!(error instanceof ApiError) || job.signal.aborted) throw error;
          if (attempt)
            failed.push(await noteFailure(context, attempt, { error, shownBytes: shown.textBytes, signedBytes }));
          // Report the provider's own failure, not that no other provider was left.
          if (last && isNobodyLeft(error)) throw last;
          const canGoOn = !shown.hasBegun || job.form.hasFixedDraws;
          if (!canGoOn || !mayTryAgain(error)) throw error;
          last = error;
          // The same provider may serve under another validator. Once, since only the provider says that this one was away.
          if (error.code !== 'order_not_admitted' || !mayRepeat) continue;
          mayRepeat = false;
          tried.pop();
          left++;
        }
      }
      throw last as ApiError;
    },
  };
}

/**
 * Streams the answer of one provider to one order, and checks it.
 * @param assertWhole throws where it says less than was shown before. @param onPart told how much it had signed where it broke off.
 */
async function* tryOnce<R extends BoughtAnswer>(
  context: ReplyContext,
  job: ReplyJob<CommonRequest, R>,
  {
    attempt,
    notes,
    assertWhole,
    onPart,
  }: {
    readonly attempt: ProviderAttempt;
    readonly notes: AttemptNotes;
    readonly assertWhole: () => void;
    readonly onPart: (textBytes: number) => void;
  },
): AsyncGenerator<Delta, R> {
  const answer = yield* followProvider(context, job, attempt, onPart);
  notes.answered(attempt, answer);
  assertWhole();
  return notes.check(attempt, () => checkReply(context, job, { attempt, answer }));
}

/** Kept, so that whoever reads the receipt of the reply sees what was tried before. */
async function noteFailure(
  { ledger }: Pick<ReplyContext, 'ledger'>,
  attempt: ProviderAttempt,
  { error, shownBytes, signedBytes }: { readonly error: ApiError } & Record<'shownBytes' | 'signedBytes', number>,
): Promise<FailedTry> {
  const replyId = toHex(attempt.replyId);
  const failure = { code: error.code, reason: error.message, shownBytes };
  await ledger.noteFailure(replyId, failure);
  return { replyId, providerId: toHex(attempt.match.ticket.providerId), failure, signedBytes };
}

const isNobodyLeft = ({ code }: ApiError): boolean => code === 'no_provider' || code === 'model_not_found';

/** Another provider, or another validator, may do better. */
const TRIED_AGAIN: ReadonlySet<ApiErrorCode> = new Set([
  'order_not_admitted',
  'provider_failed',
  'provider_timeout',
  'provider_busy',
  'provider_unreachable',
  'request_refused',
  'ogong_check_failed',
]);
const mayTryAgain = ({ code }: ApiError): boolean => TRIED_AGAIN.has(code);
