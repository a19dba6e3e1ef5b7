import { ApiError } from '@ogong/host/http/api-error';
import { monotonicClock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Ticket } from '@ogong/protocol/exchange/ticket';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import { UNTAKEN, wordFailure } from '../outbox/failure-codes.ts';
import { type CheckContext, checkReply } from './check/check-reply.ts';
import { decideNext } from './decide-next.ts';
import { createUntaken, type FollowContext, followProvider } from './follow-provider.ts';
import { createRace, RaceError, type RaceInput, type RaceLane, type Runner } from './hedged-lanes.ts';
import type { Hedging } from './hedging.ts';
import { type AttemptNotes, createAttemptNotes, type NotesContext } from './note-attempt.ts';
import { type OpenContext, openAttempt } from './open-attempt.ts';
import type { Delta } from './provider-call.ts';
import type { BoughtAnswer, BoughtReply, FailedTry, ProviderAttempt, ReplyJob, TriedJob } from './reply.ts';
import { type RouterReportContext, reportToRouter } from './report-attempt.ts';
import { createShownStream, type ShownStream } from './shown-stream.ts';

export interface ReplyService {
  /**
   * Buys one reply. Streams the provider's text, and returns the whole reply once it is checked. If a provider fails, another one is
   * tried. A text that the client has received in part continues only if its draws do not depend on the provider.
   * @throws ApiError
   */
  serve<Q extends CommonRequest = InferenceRequest, R extends BoughtAnswer = BoughtReply>(
    job: ReplyJob<Q, R>,
  ): AsyncGenerator<Delta, R>;
}

/** Services for choosing between attempts. */
interface RetryContext {
  readonly ledger: Pick<ChannelLedger, 'noteFailure'>;
  /** Default: no request is hedged. */
  readonly hedging?: Pick<Hedging, 'begin' | 'take' | 'note'>;
  readonly onHedge?: RaceInput<unknown>['onOutcome'];
}

/** Services for one attempt: order, follow, check. */
type AttemptContext = OpenContext & FollowContext & CheckContext & NotesContext;

export type ReplyServiceContext = RetryContext & AttemptContext;

/** Providers that one reply is tried with. */
const MAX_ATTEMPTS = 3;

/** One placed order, and the provider's stream. */
interface Try<R extends BoughtAnswer> extends RaceLane<IteratorResult<Delta, R>> {
  readonly attempt: ProviderAttempt;
  readonly notes: AttemptNotes;
  readonly stream: AsyncGenerator<Delta, R>;
  readonly startedMs: number;
  /** Bytes of the text that the provider had signed when it broke off. */
  signedBytes: number;
}

/** State of one reply over all its attempts. */
interface Course<Q extends CommonRequest, R extends BoughtAnswer> {
  /** The job as the next attempt orders it. */
  job: ReplyJob<Q, R>;
  /** Ids of providers that received an order for this reply. */
  readonly tried: Uint8Array[];
  readonly failed: FailedTry[];
  readonly shown: ShownStream;
  /** Failure of the attempt before. */
  earlier: ApiError | undefined;
  mayRepeat: boolean;
  /** Attempts that are left after the running one. */
  triesLeft: number;
  /** Attempts whose providers refused the request or ended the order, as it may deserve. No router got a report about them yet. */
  readonly unreported: ProviderAttempt[];
}

export function createReplyService(context: ReplyServiceContext): ReplyService {
  return {
    async *serve<Q extends CommonRequest, R extends BoughtAnswer>(job: ReplyJob<Q, R>): AsyncGenerator<Delta, R> {
      const course = openCourse(job);
      try {
        for (;;) {
          let running: Try<R> | undefined;
          try {
            const begun = await beginTry(context, course);
            running = begun.lane;
            const answer = yield* showTry(course, begun);
            reportRefused(context, course, 'refused');
            return answer;
          } catch (thrown) {
            if (thrown instanceof RaceError) await goOn(context, course, thrown.lane as Try<R>, thrown.cause);
            else await goOn(context, course, running, thrown);
          }
        }
      } finally {
        reportRefused(context, course, 'unused');
      }
    },
  };
}

/**
 * Reports the providers that refused the request, or ended their orders. Another one has served it (`refused`), or none has (`unused`).
 * Otherwise a client with odd requests would make a router doubt all providers.
 */
function reportRefused(
  context: RouterReportContext,
  { unreported }: Pick<Course<CommonRequest, BoughtAnswer>, 'unreported'>,
  outcome: 'refused' | 'unused',
): void {
  for (const attempt of unreported.splice(0)) reportToRouter(context, attempt, { outcome, outputTokens: 0 });
}

function openCourse<Q extends CommonRequest, R extends BoughtAnswer>(job: ReplyJob<Q, R>): Course<Q, R> {
  return {
    job,
    tried: [],
    failed: [],
    shown: createShownStream(),
    earlier: undefined,
    mayRepeat: true,
    // A client that names its provider wants that provider's answer or its failure.
    triesLeft: job.provider === undefined ? MAX_ATTEMPTS - 1 : 0,
    unreported: [],
  };
}

/** Passes on the new parts of a running attempt. @returns its reply. */
async function* showTry<Q extends CommonRequest, R extends BoughtAnswer>(
  { job, shown, failed }: Course<Q, R>,
  { lane: { attempt, notes, stream }, first }: { readonly lane: Try<R>; readonly first: IteratorResult<Delta, R> },
): AsyncGenerator<Delta, R> {
  try {
    for (let next = first; ; next = await stream.next()) {
      if (next.done) {
        notes.ended(attempt, { reply: next.value });
        return failed.length === 0 ? next.value : { ...next.value, earlierTries: failed };
      }
      // A step is no part of the answer: another provider begins with its first one again.
      const isStep = next.value.step !== undefined;
      const fresh = job.form.streams && !isStep ? shown.take(next.value) : undefined;
      if (isStep) yield next.value;
      if (fresh !== undefined) yield fresh;
    }
  } finally {
    await stream.return(undefined as never);
  }
}

/** Stores the failure of an attempt and prepares the next one. @throws if the reply ends here. */
async function goOn<Q extends CommonRequest, R extends BoughtAnswer>(
  context: RetryContext,
  course: Course<Q, R>,
  running: Try<R> | undefined,
  error: unknown,
): Promise<void> {
  const { job, shown } = course;
  running?.notes.ended(running.attempt, { error });
  if (running && hasRefusedRequest(error)) course.unreported.push(running.attempt);
  const next = decideNext(error, {
    isAborted: job.signal.aborted,
    isOrdered: running !== undefined,
    isShown: shown.hasBegun,
    hasFixedDraws: job.form.hasFixedDraws,
    hasPlain: job.plain !== undefined,
    mayRepeat: course.mayRepeat,
    triesLeft: course.triesLeft,
    earlier: course.earlier?.code,
  });
  if (next === 'abort' || !(error instanceof ApiError)) throw error;
  if (running) course.failed.push(await noteFailure(context, running, { error, shownBytes: shown.textBytes }));
  switch (next) {
    case 'fail':
      throw error;
    case 'fail-as-before':
      throw course.earlier;
    case 'ordinary':
      course.job = { ...job, ...job.plain, isHedged: false, plain: undefined };
      forget(course.tried, running);
      return;
    case 'repeat':
      course.earlier = error;
      course.mayRepeat = false;
      forget(course.tried, running);
      return;
    case 'another':
      course.earlier = error;
      course.triesLeft--;
  }
}

const hasRefusedRequest = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 'request_refused' || error.code === 'provider_ended');

/** Allows another order to the provider of an attempt. */
function forget(tried: Uint8Array[], one: Pick<Try<BoughtAnswer>, 'attempt'> | undefined): void {
  const at = tried.findIndex((id) => one !== undefined && equalBytes(id, one.attempt.match.ticket.providerId));
  if (at >= 0) tried.splice(at, 1);
}

/** Orders from one provider, and from a second one if the first shows nothing in time. @throws ApiError, RaceError */
async function beginTry<Q extends CommonRequest, R extends BoughtAnswer>(
  context: ReplyServiceContext,
  course: Course<Q, R>,
): Promise<{ readonly lane: Try<R>; readonly first: IteratorResult<Delta, R> }> {
  const { hedging } = context;
  const { job, shown, tried, failed } = course;
  shown.restart();
  const isHedged = job.isHedged === true && tried.length === 0 && hedging !== undefined;
  const patienceMs = isHedged ? hedging.begin(job.request.model) : Number.POSITIVE_INFINITY;
  const race = createRace();
  // Before the first text, ordinary providers can serve if no standby provider is free: do not wait for one.
  const isAhead = job.plain !== undefined && !shown.hasBegun;
  const one = await openTry(context, course, { runner: race.enter(), isAhead });
  return race.run<IteratorResult<Delta, R>, Try<R>>(one, {
    patienceMs,
    mayOpen: () => isHedged && !job.signal.aborted && hedging.take(),
    openSecond: () =>
      openTry(context, course, { runner: race.enter(), isAhead: true, beside: one.attempt.match.ticket }),
    onLost(lane) {
      // A second provider that loses was slower by less than the head start of the first, so its time says nothing.
      if (lane === one) hedging?.note(job.request.model, monotonicClock.nowMs() - lane.startedMs);
      const error = createUntaken();
      lane.notes.ended(lane.attempt, { error });
      reportToRouter(context, lane.attempt, { outcome: 'unused', outputTokens: 0 });
      failed.push(nameFailure(lane, { code: UNTAKEN, reason: error.message, shownBytes: 0 }, context));
    },
    onFailed(lane, error) {
      lane.notes.ended(lane.attempt, { error });
      if (!(error instanceof ApiError)) return;
      if (hasRefusedRequest(error)) course.unreported.push(lane.attempt);
      const failure = { code: error.code, reason: wordFailure(error), shownBytes: 0 };
      failed.push(nameFailure(lane, failure, context));
    },
    ...(context.onHedge && { onOutcome: context.onHedge }),
  });
}

/** Orders from a provider that was not tried, and begins to read its stream. @throws ApiError */
async function openTry<Q extends CommonRequest, R extends BoughtAnswer>(
  context: ReplyServiceContext,
  { job, tried, shown }: Course<Q, R>,
  {
    runner,
    isAhead,
    beside,
  }: {
    readonly runner: Runner;
    readonly isAhead: boolean;
    /** Ticket of the order that already runs. One payee is not paid for both orders. */
    readonly beside?: Pick<Ticket, 'payee'>;
  },
): Promise<Try<R>> {
  const notes = createAttemptNotes(context, job);
  const claim = (): boolean => {
    if (!runner.claim()) return false;
    context.hedging?.note(job.request.model, monotonicClock.nowMs() - lane.startedMs);
    return true;
  };
  const onMatch: ReplyJob['onMatch'] = (ticket) => {
    if (beside && equalBytes(ticket.payee, beside.payee)) {
      throw new ApiError('no_provider', 'No other standby provider is free.');
    }
    job.onMatch?.(ticket);
  };
  const raced: TriedJob<Q, R> = { ...job, onMatch, signal: AbortSignal.any([job.signal, runner.lost]), claim };
  const attempt = await openAttempt(context, raced, tried, { isAhead });
  notes.ordered(attempt);
  tried.push(attempt.match.ticket.providerId);
  const onPart = (textBytes: number) => {
    lane.signedBytes = textBytes;
  };
  const stream = tryOnce<R>(context, raced, { attempt, notes, assertWhole: shown.end, onPart });
  const lane: Try<R> = {
    attempt,
    notes,
    stream,
    startedMs: monotonicClock.nowMs(),
    signedBytes: 0,
    first: stream.next(),
  };
  return lane;
}

/**
 * Streams the answer of one provider to one order, and checks it.
 * @param assertWhole throws if the answer is shorter than the text that the client has received.
 * @param onPart receives the bytes that the provider had signed when it broke off.
 */
async function* tryOnce<R extends BoughtAnswer>(
  context: AttemptContext,
  job: TriedJob<CommonRequest, R>,
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

/** Stores the failure, so that a reader of the reply's receipt sees the earlier attempts. */
async function noteFailure(
  { ledger }: RetryContext,
  { attempt, signedBytes }: Pick<Try<BoughtAnswer>, 'attempt' | 'signedBytes'>,
  { error, shownBytes }: { readonly error: ApiError; readonly shownBytes: number },
): Promise<FailedTry> {
  const replyId = toHex(attempt.replyId);
  const failure = { code: error.code, reason: wordFailure(error), shownBytes };
  await ledger.noteFailure(replyId, failure);
  return { replyId, providerId: toHex(attempt.match.ticket.providerId), failure, signedBytes };
}

/** Stores the failure beside a reply that goes on, without waiting for the disk. */
function nameFailure(
  { attempt, signedBytes }: Pick<Try<BoughtAnswer>, 'attempt' | 'signedBytes'>,
  failure: FailedTry['failure'],
  { ledger, onError = () => {} }: RetryContext & Pick<FollowContext, 'onError'>,
): FailedTry {
  const replyId = toHex(attempt.replyId);
  ledger.noteFailure(replyId, failure).catch(onError);
  return { replyId, providerId: toHex(attempt.match.ticket.providerId), failure, signedBytes };
}
