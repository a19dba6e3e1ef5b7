import { ApiError } from '@ogong/host/http/api-error';
import { monotonicClock } from '@ogong/host/time/clock';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import type { Finished } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { isRefusal, type ProgressContext, type RefusalContext, reportRefusal } from '../buy/follow-provider.ts';
import { readEnded } from '../buy/provider-ended.ts';
import type { ProviderAttempt } from '../buy/reply.ts';
import type { ReplyProgress } from '../buy/reply-progress.ts';
import { accuseProvider, type ReportContext, reportToRouter } from '../buy/report-attempt.ts';
import { passSealed, SealedBreach, type SealedEvent, type SealedPass } from './pass-sealed.ts';

/** Services for following a sealed reply. */
export type FollowSealedContext = ReportContext & RefusalContext & Pick<ProgressContext, 'chain'>;

export interface SealedRun {
  readonly attempt: ProviderAttempt;
  readonly envelope: Uint8Array;
  /** Sealed pieces of the media of the request. Default: it names none. */
  readonly media?: readonly Uint8Array[] | undefined;
  /** Undefined for replies that are no text. */
  readonly maxTokens: number | undefined;
  /** The client takes milestones. If the reply breaks off, it reports its part before anybody is accused. */
  readonly milestones: boolean;
  readonly progress: ReplyProgress;
  readonly signal: AbortSignal;
}

/** The provider's last message, unchecked. */
export interface SealedEnd {
  readonly finished: Finished;
  /** Time from the request to the last part, by this gateway's own clock. */
  readonly tookMs: number;
  /** Time from the request to the first sealed part. */
  readonly firstMs: number;
}

/**
 * The provider fell silent, perhaps because it waits for progress. It sends a text at most one window ahead of the client's
 * progress, and this gateway sees ciphertext. A silent client must not get an honest provider accused.
 */
export class UnsaidText extends ApiError {
  constructor(cause: ApiError) {
    super('provider_timeout', cause.message, { cause });
  }
}

/**
 * Yields the provider's stream. Accuses a provider that sends what no reply has, or that breaks off after it began, unless its
 * client takes milestones. If the client leaves, the provider is notified before its stream ends.
 * @throws ApiError
 */
export async function* followSealed(
  context: FollowSealedContext,
  pass: SealedPass,
  { attempt, envelope, media, maxTokens, milestones, progress, signal }: SealedRun,
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
  const sent = { match, order, envelope, media, maxTokens, milestones };
  const stream = passSealed(pass, { ...sent, signal: ended.signal });
  const startedMs = monotonicClock.nowMs();
  const sinceStart = (): number => Math.max(1, Math.ceil(monotonicClock.nowMs() - startedMs));
  let firstMs: number | undefined;
  let isOver = false;
  let sealedBytes = 0;
  /** Bytes that had arrived at each signed progress. */
  const saidAt = new Map<SignedProgress | undefined, number>();
  /**
   * The client reports each step, so a waiting provider has sent more than one step since, and at least as much ciphertext.
   * Progress that the provider refused does not count: a client may report a false one.
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
  } catch (thrown) {
    isOver = true;
    const error = readEnded(context.chain.ledger, attempt, thrown);
    // Decide this before the next statement is sent: its outcome does not matter.
    const awaitsWord = mayAwaitWord(error) ? new UnsaidText(error) : undefined;
    if (error instanceof ApiError && error.code === 'provider_timeout') void progress.leave();
    // If the client left, the provider is not at fault. The validator decides about the order.
    const awaitsPart = milestones && !(error instanceof SealedBreach);
    if (!signal.aborted && !isRefusal(error) && !awaitsPart) {
      if (awaitsWord) reportToRouter(context, attempt, { outcome: 'unused', outputTokens: 0 });
      else await accuseProvider(context, attempt, { reason: 'abandoned' });
    }
    if (error instanceof ApiError && error.code === 'request_refused') {
      // The client may have sealed anything. If it does not open, or asks for more than offered, the provider is not at fault.
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
