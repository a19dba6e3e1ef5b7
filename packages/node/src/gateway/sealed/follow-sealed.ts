import { ApiError } from '@ogong/host/http/api-error';
import { monotonicClock } from '@ogong/host/time/clock';
import type { Finished } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { isRefusal, reportRefusal } from '../follow-provider.ts';
import type { ProviderAttempt, ReplyContext } from '../reply.ts';
import type { ReplyProgress } from '../reply-progress.ts';
import { accuseProvider, reportToRouter } from '../report-attempt.ts';
import { passSealed, SealedBreach, type SealedEvent, type SealedPass } from './pass-sealed.ts';

export interface SealedRun {
  readonly attempt: ProviderAttempt;
  readonly envelope: Uint8Array;
  /** None for what is no text. */
  readonly maxTokens: number | undefined;
  /** The client takes milestones: where the reply breaks off, it says what it has before anybody is accused. */
  readonly milestones: boolean;
  readonly progress: ReplyProgress;
  readonly signal: AbortSignal;
}

/** What the provider said last, none of it checked. */
export interface SealedEnd {
  readonly finished: Finished;
  /** From the request to the last part, by this gateway's own clock. */
  readonly tookMs: number;
  /** From the request to the first sealed part. */
  readonly firstMs: number;
}

/**
 * Yields what the provider streams. Accuses one that sends what no reply has, and one that breaks off after it began, unless its client
 * takes milestones. If the client leaves, the provider hears it before its stream ends. @throws ApiError
 */
export async function* followSealed(
  context: ReplyContext,
  pass: SealedPass,
  { attempt, envelope, maxTokens, milestones, progress, signal }: SealedRun,
): AsyncGenerator<SealedEvent, SealedEnd> {
  const ended = new AbortController();
  let leaving: Promise<void> | undefined;
  const leave = () => {
    leaving ??= progress.leave().finally(() => ended.abort());
    return leaving;
  };
  const onAbort = () => void leave();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) ended.abort();
  const { match, order } = attempt;
  const stream = passSealed(pass, { match, order, envelope, maxTokens, milestones, signal: ended.signal });
  const startedMs = monotonicClock.nowMs();
  const sinceStart = (): number => Math.max(1, Math.ceil(monotonicClock.nowMs() - startedMs));
  let firstMs: number | undefined;
  let isOver = false;
  try {
    for (;;) {
      const next = await stream.next();
      if (next.done) {
        isOver = true;
        const tookMs = sinceStart();
        return { finished: next.value, tookMs, firstMs: firstMs ?? tookMs };
      }
      if (next.value.case === 'sealed') firstMs ??= sinceStart();
      yield next.value;
    }
  } catch (error) {
    isOver = true;
    if (error instanceof ApiError && error.code === 'provider_timeout') void progress.leave();
    // If the client left, the provider is not at fault, and the validator decides about the order.
    const awaitsPart = milestones && !(error instanceof SealedBreach);
    if (!signal.aborted && !isRefusal(error) && !awaitsPart)
      await accuseProvider(context, attempt, { reason: 'abandoned' });
    if (error instanceof ApiError && error.code === 'request_refused') {
      // What the client has sealed may be anything: that it does not open, or asks for more than it said, is no fault of the provider.
      reportToRouter(context, attempt, { outcome: 'unused', outputTokens: 0 });
    } else if (isRefusal(error)) {
      reportRefusal(context, attempt, error).catch((failure: unknown) => context.onError?.(failure));
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (!isOver) await leave();
    await stream.return(undefined as never);
  }
}
