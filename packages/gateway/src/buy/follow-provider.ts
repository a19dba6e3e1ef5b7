import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import { monotonicClock } from '@ogong/host/time/clock';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import type { Finished, Milestone, TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import { isRefusalCode } from '../outbox/failure-codes.ts';
import { readOrder } from '../outbox/named-order.ts';
import { createMilestoneFollower, type FailedMilestone, type MilestoneFollower } from './follow-milestones.ts';
import { UnsentOrderError } from './order-pacing.ts';
import type { Delta } from './provider-call.ts';
import type { BoughtAnswer, ProviderAttempt, ReplyContext, ReplyJob, TriedJob } from './reply.ts';
import { createReplyProgress, type ReplyProgress, type ReplyProgressInput } from './reply-progress.ts';
import { accuseProvider, reportBroken, reportToRouter } from './report-attempt.ts';

/** All that a provider said in one attempt; none of it is checked. */
export interface ProviderAnswer {
  readonly finished: Finished;
  /** Where the reply came sealed; otherwise it is asked for. */
  readonly opening: Uint8Array | undefined;
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  /** Under which format it came; undefined where nothing came. */
  readonly format: AnswerFormat | undefined;
  /** What this gateway has signed while it came. */
  readonly progress: SignedProgress | undefined;
  /** From the request to the last token, by this gateway's own clock. */
  readonly tookMs: number;
  /** From the request to the first part of the answer, or to its end where it has none. */
  readonly firstMs: number;
}

/**
 * Yields what the provider streams, and signs for it as it comes. Accuses a provider that breaks off after it began. If the client
 * leaves, the provider hears it before its stream ends.
 * @param onPart told how many bytes of a reply that broke off its provider had signed. @throws ApiError
 */
export async function* followProvider(
  context: ReplyContext,
  job: TriedJob<CommonRequest, BoughtAnswer>,
  attempt: ProviderAttempt,
  onPart: (textBytes: number) => void = () => {},
): AsyncGenerator<Delta, ProviderAnswer> {
  const ended = new AbortController();
  const { answer } = computeBlinds(crypto, { body: job.body, replyId: attempt.replyId });
  const isStandby = job.request.demands.standbyPer1kAtomic !== undefined;
  const progress = openProgress(context, attempt, { blind: answer, isStandby });
  let leaving: Promise<void> | undefined;
  const leave = () => {
    leaving ??= progress.leave().finally(() => ended.abort());
    return leaving;
  };
  const onAbort = () => void leave();
  job.signal.addEventListener('abort', onAbort, { once: true });
  if (job.signal.aborted) ended.abort();
  const milestones = job.form.streams ? createMilestoneFollower(context, job, attempt) : undefined;
  const signal = milestones ? AbortSignal.any([ended.signal, milestones.spoiled]) : ended.signal;
  const onMilestone = milestones && ((milestone: Milestone) => milestones.take(milestone, text));
  const stream = context.providers.generate({ ...toCall(context, job, attempt), signal, onMilestone });
  const startedMs = monotonicClock.nowMs();
  const sinceStart = (): number => Math.max(1, Math.ceil(monotonicClock.nowMs() - startedMs));
  let firstMs: number | undefined;
  let isOver = false;
  let isShown = false;
  let text = '';
  const tokens: TokenLogprob[] = [];
  let format: AnswerFormat | undefined;
  try {
    for (;;) {
      const next = await stream.next();
      if (firstMs === undefined) context.ahead?.begun();
      firstMs ??= sinceStart();
      // What lost was told to stop, and nothing of it is signed for.
      if (!isShown && job.claim?.() === false) throw createUntaken();
      isShown = true;
      if (next.done) {
        isOver = true;
        const tookMs = sinceStart();
        return { ...next.value, text, tokens, format, progress: progress.latest(), tookMs, firstMs };
      }
      text += next.value.text;
      format = next.value.format;
      progress.add(next.value.text);
      if (job.form.topLogprobs !== undefined) for (const token of next.value.tokens) tokens.push(token);
      yield next.value;
    }
  } catch (error) {
    isOver = true;
    // It may be slow and not dead: then it stops, and bills what came and not the whole reply, which another one may give.
    if (error instanceof ApiError && error.code === 'provider_timeout' && !job.signal.aborted) void progress.leave();
    // If the client left, the provider is not at fault, and the validator decides about the order.
    if (!job.signal.aborted && !isRefusal(error)) {
      const failed = await keepStanding(context, attempt, { milestones, onPart, isTakeLost: progress.isTakeLost() });
      if (failed) throw createSpoiled(failed, error);
    }
    // The provider may have refused because it cannot reach the validator.
    if (isRefusal(error)) {
      reportRefusal(context, attempt, { error, isStandby }).catch((failure: unknown) => context.onError?.(failure));
    }
    throw error;
  } finally {
    job.signal.removeEventListener('abort', onAbort);
    milestones?.stop();
    progress.end();
    // Whoever reads this stops reading: that is leaving, too.
    if (!isOver) await leave();
    await stream.return(undefined as never);
  }
}

/**
 * The provider broke off, or signed what does not hold. As much of its reply as it had signed before, and was checked, is its own: it is
 * kept, and paid where no record comes. @returns what does not hold.
 */
async function keepStanding(
  context: ReplyContext,
  attempt: ProviderAttempt,
  {
    milestones,
    onPart,
    isTakeLost,
  }: {
    readonly milestones: MilestoneFollower | undefined;
    readonly onPart: (textBytes: number) => void;
    readonly isTakeLost: boolean;
  },
): Promise<FailedMilestone | undefined> {
  const { standing, failed } = (await milestones?.settle()) ?? {};
  await standing?.keep();
  if (standing) onPart(standing.textBytes);
  const { id: reason = 'abandoned', evidence } = failed ?? {};
  // It sends no more before it knows that the reply is taken, and perhaps it never knew.
  if (isTakeLost && failed === undefined && standing === undefined)
    reportToRouter(context, attempt, { outcome: 'refused', outputTokens: 0 });
  else if (failed || standing === undefined)
    await accuseProvider(context, attempt, { reason, ...(evidence && { evidence }) });
  else reportBroken(context, attempt);
  return failed;
}

const createSpoiled = ({ id, detail }: FailedMilestone, cause: unknown): ApiError =>
  new ApiError('ogong_check_failed', `A part of the reply failed its check and is not paid for: ${id}: ${detail}.`, {
    cause,
  });

/**
 * That nobody admitted the order is the provider's word. This gateway asks the validator itself: only where it is away for both of
 * them, the provider has refused nothing.
 */
export async function reportRefusal(
  context: ReplyContext,
  attempt: ProviderAttempt,
  { error, isStandby }: { readonly error: ApiError; readonly isStandby: boolean },
): Promise<void> {
  // Who stands by for no more than it does may have room for others.
  if (error instanceof UnsentOrderError || (isStandby && error.code === 'provider_busy')) {
    reportToRouter(context, attempt, { outcome: 'unused', outputTokens: 0 });
    return;
  }
  const { code } = error;
  const isUnadmitted = code === 'order_not_admitted';
  if (isUnadmitted) context.validators.noteRefused(attempt.validator);
  else context.validators.doubt();
  const isAway = isUnadmitted && !(await context.validators.answers(attempt.validator));
  reportToRouter(context, attempt, { outcome: isAway ? 'unused' : 'refused', outputTokens: 0 });
}

export const createUntaken = (): ApiError => new ApiError('provider_timeout', 'Another provider was faster.');

/** @param options.blind of the answer; without it this gateway does not see the text, and is told its hash. */
export function openProgress(
  { payer, chain, providers, onError }: ReplyContext,
  attempt: ProviderAttempt,
  { blind, isStandby }: Pick<ReplyProgressInput, 'blind' | 'isStandby'> = {},
): ReplyProgress {
  const { match, order, replyId } = attempt;
  return createReplyProgress({
    payer,
    ledger: chain.ledger,
    orderHash: readOrder(chain.ledger, order).orderHash,
    ...(blind && { blind }),
    isStandby,
    send: (signed) => providers.sendProgress(match, replyId, signed),
    ...(onError && { onError }),
  });
}

function toCall(
  { nameCacheScope }: ReplyContext,
  job: ReplyJob<CommonRequest, BoughtAnswer>,
  { match, order, beacon }: ProviderAttempt,
) {
  const { body, endpoint, form, key, request } = job;
  return {
    match,
    order,
    request: body,
    beacon: beacon.certificate,
    sealSuite: request.preference?.sealSuite,
    cacheScope: nameCacheScope(key.id, match.ticket.providerId),
    endpoint,
    maxTokens: form.maxTokens,
    topLogprobs: form.topLogprobs,
  };
}

/** The provider declined before it began, or never had the order, so it broke no promise. */
export const isRefusal = (error: unknown): error is ApiError => error instanceof ApiError && isRefusalCode(error.code);
