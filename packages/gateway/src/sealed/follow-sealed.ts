import { ApiError } from '@ogong/host/http/api-error';
import { monotonicClock } from '@ogong/host/time/clock';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import type { Finished } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { isRefusal, type RefusalContext, reportRefusal } from '../buy/follow-provider.ts';
import type { ProviderAttempt } from '../buy/reply.ts';
import type { ReplyProgress } from '../buy/reply-progress.ts';
import { accuseProvider, type ReportContext, reportToRouter } from '../buy/report-attempt.ts';
import { passSealed, SealedBreach, type SealedEvent, type SealedPass } from './pass-sealed.ts';

/** Services for following a sealed reply. */
export type FollowSealedContext = ReportContext & RefusalContext;

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
 * The provider fell silent, perhaps for want of a word: it sends a text no further than a window ahead of what its client says that it has,
 * and this gateway sees ciphertext. Whoever says nothing must not have an honest provider accused.
 */
export class UnsaidText extends ApiError {
  constructor(cause: ApiError) {
    super('provider_timeout', cause.message, { cause });
  }
}

/**
 * Yields what the provider streams. Accuses one that sends what no reply has, and one that breaks off after it began, unless its client
 * takes milestones. If the client leaves, the provider hears it before its stream ends. @throws ApiError
 */
export async function* followSealed(
  context: FollowSealedContext,
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
  let sealedBytes = 0;
  /** How much had come when each word was said. */
  const saidAt = new Map<SignedProgress | undefined, number>();
  /**
   * The client says each step, so whoever waits has sent more than one since: of ciphertext at least as much. What the provider did not take
   * is no word: a client may say what is not so.
   */
  const isBehind = (): boolean =>
    progress.isDoubted() || sealedBytes - (saidAt.get(progress.heard()) ?? 0) > PROGRESS_STEP_BYTES;
  const mayAwaitWord = (error: unknown): error is ApiError =>
    error instanceof ApiError && error.code === 'provider_timeout' && maxTokens !== undefined && isBehind();
  try {
    for (;;) {
      const next = await stream.next();
      if (next.done) {
        isOver = true;
        const tookMs = sinceStart();
        return { finished: next.value, tookMs, firstMs: firstMs ?? tookMs };
      }
      if (next.value.case === 'sealed') {
        firstMs ??= sinceStart();
        const word = progress.latest();
        if (!saidAt.has(word)) saidAt.set(word, sealedBytes);
        sealedBytes += next.value.value.unit.length;
      }
      yield next.value;
    }
  } catch (error) {
    isOver = true;
    // Before anything more is said: what becomes of that changes no judgement.
    const awaitsWord = mayAwaitWord(error) ? new UnsaidText(error) : undefined;
    if (error instanceof ApiError && error.code === 'provider_timeout') void progress.leave();
    // If the client left, the provider is not at fault, and the validator decides about the order.
    const awaitsPart = milestones && !(error instanceof SealedBreach);
    if (!signal.aborted && !isRefusal(error) && !awaitsPart) {
      if (awaitsWord) reportToRouter(context, attempt, { outcome: 'unused', outputTokens: 0 });
      else await accuseProvider(context, attempt, { reason: 'abandoned' });
    }
    if (error instanceof ApiError && error.code === 'request_refused') {
      // What the client has sealed may be anything: that it does not open, or asks for more than it said, is no fault of the provider.
      reportToRouter(context, attempt, { outcome: 'unused', outputTokens: 0 });
    } else if (isRefusal(error)) {
      reportRefusal(context, attempt, { error, isStandby: false }).catch((failure: unknown) =>
        context.onError?.(failure),
      );
    }
    throw awaitsWord ?? error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (!isOver) await leave();
    await stream.return(undefined as never);
  }
}
