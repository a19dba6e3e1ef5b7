import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import { monotonicClock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { Milestone, TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import { isRefusalCode } from '../outbox/failure-codes.ts';
import { readOrder } from '../outbox/read-order.ts';
import type { NameCacheScope } from './cache-scope.ts';
import {
  createMilestoneFollower,
  type FailedMilestone,
  type MilestoneContext,
  type MilestoneFollower,
} from './follow-milestones.ts';
import type { TicketsAhead } from './match/tickets-ahead.ts';
import { UnsentOrderError } from './order-pacing.ts';
import type { PayingSigner } from './paying-signer.ts';
import type { Delta, ProviderCall } from './provider-call.ts';
import { isEnded, readEnded } from './provider-ended.ts';
import type { BoughtAnswer, ProviderAnswer, ProviderAttempt, ReplyJob, TriedJob } from './reply.ts';
import { createReplyProgress, type ReplyProgress, type ReplyProgressInput } from './reply-progress.ts';
import {
  accuseProvider,
  type ReportContext,
  type RouterReportContext,
  reportBroken,
  reportToRouter,
} from './report-attempt.ts';
import type { ValidatorChoice } from './validator-choice.ts';

/** Services for signing progress on a running reply. */
export interface ProgressContext {
  readonly chain: Pick<ChainView, 'ledger'>;
  readonly payer: PayingSigner;
  readonly providers: Pick<ProviderCall, 'sendProgress'>;
  readonly onError?: (error: unknown) => void;
}

/** Services for the report about a provider that declined. */
export interface RefusalContext extends RouterReportContext {
  readonly validators: Pick<ValidatorChoice, 'noteRefused' | 'doubt' | 'answers'>;
}

interface StreamServices {
  readonly providers: Pick<ProviderCall, 'generate'>;
  readonly nameCacheScope: NameCacheScope;
  readonly ahead?: Pick<TicketsAhead, 'begun'>;
}

/** Services for following a provider's stream. */
export type FollowContext = StreamServices & ProgressContext & MilestoneContext & ReportContext & RefusalContext;

/**
 * Yields the provider's stream, and signs progress as text arrives. Accuses a provider that breaks off after it began. If the client
 * leaves, the provider is notified before its stream ends. The caller reports a provider that refused the request.
 * @param onPart receives the bytes that the provider had signed before it broke off.
 * @throws ApiError
 */
export async function* followProvider(
  context: FollowContext,
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
  // No validator takes a milestone of a request with media.
  const takesMilestones = job.form.streams && (job.media ?? NO_MEDIA).size === 0;
  const milestones = takesMilestones ? createMilestoneFollower(context, job, attempt) : undefined;
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
      // An attempt that lost the race was told to stop, and no progress is signed for it.
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
  } catch (thrown) {
    isOver = true;
    const error = readEnded(context.chain.ledger, attempt, thrown);
    // The provider may be slow and not dead. Tell it to stop, so that it bills the part and not the whole reply.
    if (error instanceof ApiError && error.code === 'provider_timeout' && !job.signal.aborted) void progress.leave();
    // If the client left, the provider is not at fault. The validator decides about the order.
    if (!job.signal.aborted && (isEnded(error) || !isRefusal(error))) {
      const isTakeLost = progress.isTakeLost();
      const failed = await keepStanding(context, attempt, { milestones, onPart, isTakeLost, isEnded: isEnded(error) });
      if (failed) throw createSpoiled(failed, error);
    }
    // The provider may have refused because it cannot reach the validator.
    // A request that is refused, or ends its order, is the client's fault unless another provider serves it: the caller reports that.
    if (isRefusal(error) && error.code !== 'request_refused' && !isEnded(error)) {
      reportRefusal(context, attempt, { error, isStandby }).catch((failure: unknown) => context.onError?.(failure));
    }
    throw error;
  } finally {
    job.signal.removeEventListener('abort', onAbort);
    milestones?.stop();
    progress.end();
    // The consumer stopped reading: the client has left.
    if (!isOver) await leave();
    await stream.return(undefined as never);
  }
}

/**
 * Keeps the signed and checked part of a reply whose provider broke off, or signed a false milestone. The provider is paid for that
 * part if no record follows.
 * @returns the false milestone.
 */
async function keepStanding(
  context: ReportContext,
  attempt: ProviderAttempt,
  {
    milestones,
    onPart,
    isTakeLost,
    isEnded: hasEnded,
  }: {
    readonly milestones: MilestoneFollower | undefined;
    readonly onPart: (textBytes: number) => void;
    readonly isTakeLost: boolean;
    readonly isEnded: boolean;
  },
): Promise<FailedMilestone | undefined> {
  const { standing, failed } = (await milestones?.settle()) ?? {};
  await standing?.keep();
  if (standing) onPart(standing.textBytes);
  const { id: reason = 'abandoned', evidence } = failed ?? {};
  // The provider has answered, and the router is told as of any refusal.
  if (hasEnded && failed === undefined) return undefined;
  // A standby provider sends no more before it knows that its reply is taken, and this one may not know.
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
 * Reports a provider that declined before it began. Only the provider says that no validator admitted the order, so this gateway asks
 * the validator itself. If the validator does not answer here either, the provider is not at fault.
 */
export async function reportRefusal(
  context: RefusalContext,
  attempt: ProviderAttempt,
  { error, isStandby }: { readonly error: ApiError; readonly isStandby: boolean },
): Promise<void> {
  // A provider that is full for standby orders may have room for ordinary ones.
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

/** @param options.blind blind of the answer. Without it this gateway does not see the text, and the client reports its hash. */
export function openProgress(
  { payer, chain, providers, onError }: ProgressContext,
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
  { nameCacheScope }: Pick<FollowContext, 'nameCacheScope'>,
  job: ReplyJob<CommonRequest, BoughtAnswer>,
  { match, order, beacon }: ProviderAttempt,
) {
  const { body, media, endpoint, form, key, request } = job;
  return {
    match,
    order,
    request: body,
    media,
    beacon: beacon.certificate,
    sealSuite: request.preference?.sealSuite,
    cacheScope: nameCacheScope(key.id, match.ticket.providerId),
    endpoint,
    maxTokens: form.maxTokens,
    topLogprobs: form.topLogprobs,
    steps: form.steps,
  };
}

/** Whether the provider declined before it began, or never received the order. It broke no promise then. */
export const isRefusal = (error: unknown): error is ApiError => error instanceof ApiError && isRefusalCode(error.code);
