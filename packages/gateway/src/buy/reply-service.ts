import { ApiError, type ApiErrorCode } from '@ogong/host/http/api-error';
import { monotonicClock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Ticket } from '@ogong/protocol/exchange/ticket';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { UNTAKEN } from '../outbox/failure-codes.ts';
import { checkReply } from './check-reply.ts';
import { createUntaken, followProvider } from './follow-provider.ts';
import { createRace, RaceError, type RaceLane, type Runner } from './hedged-lanes.ts';
import { type AttemptNotes, createAttemptNotes } from './note-attempt.ts';
import { openAttempt } from './open-attempt.ts';
import type { Delta } from './provider-call.ts';
import type {
  BoughtAnswer,
  BoughtReply,
  FailedTry,
  ProviderAttempt,
  ReplyContext,
  ReplyJob,
  TriedJob,
} from './reply.ts';
import { reportToRouter } from './report-attempt.ts';
import { createShownStream, type ShownStream } from './shown-stream.ts';

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

/** One order that was placed, and what its provider says. */
interface Try<R extends BoughtAnswer> extends RaceLane<IteratorResult<Delta, R>> {
  readonly attempt: ProviderAttempt;
  readonly notes: AttemptNotes;
  readonly stream: AsyncGenerator<Delta, R>;
  readonly startedMs: number;
  /** Of its text, as much as its provider had signed where it broke off. */
  signedBytes: number;
}

export function createReplyService(context: ReplyContext): ReplyService {
  return {
    async *serve<Q extends CommonRequest, R extends BoughtAnswer>(job: ReplyJob<Q, R>): AsyncGenerator<Delta, R> {
      const tried: Uint8Array[] = [];
      const failed: FailedTry[] = [];
      const shown = createShownStream();
      let asked = job;
      let last: ApiError | undefined;
      let mayRepeat = true;
      // Who names a provider wants to know whether that one answers.
      for (let left = job.provider === undefined ? MAX_ATTEMPTS : 1; left > 0; left--) {
        let running: Try<R> | undefined;
        shown.restart();
        try {
          const begun = await beginTry(context, asked, { tried, failed, shown });
          running = begun.lane;
          const { attempt, notes, stream } = running;
          try {
            for (let next = begun.first; ; next = await stream.next()) {
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
        } catch (thrown) {
          if (thrown instanceof RaceError) running = thrown.lane as Try<R>;
          const error = thrown instanceof RaceError ? thrown.cause : thrown;
          if (running) running.notes.ended(running.attempt, { error });
          if (!(error instanceof ApiError) || job.signal.aborted) throw error;
          if (running) failed.push(await noteFailure(context, running, { error, shownBytes: shown.textBytes }));
          // Nobody stands by now, or no more than it does, and nothing is shown: then whoever answers does, and that may be the same one.
          const isNobodyBy = running === undefined ? isNobodyLeft(error) : error.code === 'provider_busy';
          if (isNobodyBy && asked.plain && !shown.hasBegun) {
            asked = { ...asked, ...asked.plain, isHedged: false, plain: undefined };
            forget(tried, running);
            left++;
            continue;
          }
          // Report the provider's own failure, not that nobody else could be asked.
          if (last && (isNobodyLeft(error) || hidesFailure(error, last))) throw last;
          const canGoOn = !shown.hasBegun || job.form.hasFixedDraws;
          if (!canGoOn || !mayTryAgain(error)) throw error;
          last = error;
          // The same provider may serve under another validator. Once, since only the provider says that this one was away.
          if (error.code !== 'order_not_admitted' || !mayRepeat) continue;
          mayRepeat = false;
          forget(tried, running);
          left++;
        }
      }
      throw last as ApiError;
    },
  };
}

/** It may be asked again. */
function forget(tried: Uint8Array[], one: Pick<Try<BoughtAnswer>, 'attempt'> | undefined): void {
  const at = tried.findIndex((id) => one !== undefined && equalBytes(id, one.attempt.match.ticket.providerId));
  if (at >= 0) tried.splice(at, 1);
}

interface Course {
  /** Providers; whoever is ordered from is added. */
  readonly tried: Uint8Array[];
  readonly failed: FailedTry[];
  readonly shown: ShownStream;
}

/** Orders from one provider, or from two where the first shows nothing in time. @throws ApiError, RaceError */
async function beginTry<Q extends CommonRequest, R extends BoughtAnswer>(
  context: ReplyContext,
  job: ReplyJob<Q, R>,
  course: Course,
): Promise<{ readonly lane: Try<R>; readonly first: IteratorResult<Delta, R> }> {
  const { hedging } = context;
  const isHedged = job.isHedged === true && course.tried.length === 0 && hedging !== undefined;
  const patienceMs = isHedged ? hedging.begin(job.request.model) : Number.POSITIVE_INFINITY;
  const race = createRace();
  // Where nobody who stands by is free the others are asked. What was begun goes on at those who stand by alone.
  const isAhead = job.plain !== undefined && !course.shown.hasBegun;
  const one = await openTry(context, job, course, { runner: race.enter(), isAhead });
  return race.run<IteratorResult<Delta, R>, Try<R>>(one, {
    patienceMs,
    mayOpen: () => isHedged && !job.signal.aborted && hedging.take(),
    openSecond: () =>
      openTry(context, job, course, { runner: race.enter(), isAhead: true, beside: one.attempt.match.ticket }),
    onLost(lane) {
      // The second one was slow for no longer than the first was ahead.
      if (lane === one) hedging?.note(job.request.model, monotonicClock.nowMs() - lane.startedMs);
      const error = createUntaken();
      lane.notes.ended(lane.attempt, { error });
      reportToRouter(context, lane.attempt, { outcome: 'unused', outputTokens: 0 });
      course.failed.push(nameFailure(lane, { code: UNTAKEN, reason: error.message, shownBytes: 0 }, context));
    },
    onFailed(lane, error) {
      lane.notes.ended(lane.attempt, { error });
      if (!(error instanceof ApiError)) return;
      const failure = { code: error.code, reason: error.message, shownBytes: 0 };
      course.failed.push(nameFailure(lane, failure, context));
    },
    ...(context.onHedge && { onOutcome: context.onHedge }),
  });
}

/** Orders from a provider that was not tried, and begins to read what it says. @throws ApiError */
async function openTry<Q extends CommonRequest, R extends BoughtAnswer>(
  context: ReplyContext,
  job: ReplyJob<Q, R>,
  { tried, shown }: Course,
  {
    runner,
    isAhead,
    beside,
  }: {
    readonly runner: Runner;
    readonly isAhead: boolean;
    /** Of the order that runs already: who is paid for that one is not paid for both. */
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
    if (beside && equalBytes(ticket.payee, beside.payee)) throw new ApiError('no_provider', 'Nobody else stands by.');
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
    ...{ attempt, notes, stream, startedMs: monotonicClock.nowMs(), signedBytes: 0 },
    first: stream.next(),
  };
  return lane;
}

/**
 * Streams the answer of one provider to one order, and checks it.
 * @param assertWhole throws where it says less than was shown before. @param onPart told how much it had signed where it broke off.
 */
async function* tryOnce<R extends BoughtAnswer>(
  context: ReplyContext,
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

/** Kept, so that whoever reads the receipt of the reply sees what was tried before. */
async function noteFailure(
  { ledger }: Pick<ReplyContext, 'ledger'>,
  { attempt, signedBytes }: Pick<Try<BoughtAnswer>, 'attempt' | 'signedBytes'>,
  { error, shownBytes }: { readonly error: ApiError; readonly shownBytes: number },
): Promise<FailedTry> {
  const replyId = toHex(attempt.replyId);
  const failure = { code: error.code, reason: error.message, shownBytes };
  await ledger.noteFailure(replyId, failure);
  return { replyId, providerId: toHex(attempt.match.ticket.providerId), failure, signedBytes };
}

/** The same beside a reply that goes on: its first part does not wait for the disk. */
function nameFailure(
  { attempt, signedBytes }: Pick<Try<BoughtAnswer>, 'attempt' | 'signedBytes'>,
  failure: FailedTry['failure'],
  { ledger, onError = () => {} }: Pick<ReplyContext, 'ledger' | 'onError'>,
): FailedTry {
  const replyId = toHex(attempt.replyId);
  ledger.noteFailure(replyId, failure).catch(onError);
  return { replyId, providerId: toHex(attempt.match.ticket.providerId), failure, signedBytes };
}

const isNobodyLeft = ({ code }: ApiError): boolean => code === 'no_provider' || code === 'model_not_found';

/** That nobody knows another provider, or handles its order. Where the one before was not admitted, that is why. */
const hidesFailure = ({ code }: ApiError, before: ApiError): boolean =>
  before.code !== 'order_not_admitted' && (code === 'router_unreachable' || code === 'validator_unreachable');

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
