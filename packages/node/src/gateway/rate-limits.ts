import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import type { KeyHolder } from './api-keys.ts';
import type { BoughtAnswer, ReplyJob } from './reply.ts';
import type { ReplyService } from './reply-service.ts';

/**
 * What a key may ask for in a minute. Each limit is a bucket that holds a minute's worth and fills evenly. It lives in memory: a
 * gateway that starts again begins with full ones.
 */
export interface RateLimits {
  /** Counts one request, and says in headers what is left. @throws ApiError `too_many_requests`; nothing is counted then. */
  countRequest(context: ApiContext, key: KeyHolder): void;
  /**
   * Takes the most tokens that the replies of a call may have, and gives back what they did not have. A call that is larger than a
   * minute's worth starts with a full bucket, and the next one waits until it is paid off.
   * @throws ApiError `too_many_requests`; nothing is taken then.
   */
  meter(context: ApiContext, key: KeyHolder, replies: ReplyService, asked: readonly MeteredRequest[]): ReplyService;
  /**
   * The same for one reply that its caller follows itself.
   * @returns gives back what it did not have, once it is over. @throws ApiError
   */
  take(context: ApiContext, key: KeyHolder, request: CommonRequest): (usedTokens: number) => void;
}

/** A request, and how many replies to it are asked for. */
export interface MeteredRequest {
  readonly request: CommonRequest;
  readonly count: number;
}

interface Bucket {
  readonly limit: number;
  /** Below 0 where more was had than was there. */
  level: number;
  filledMs: number;
}

type Unit = 'requests' | 'tokens';

const MINUTE_MS = 60_000;

export function createRateLimits({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }): RateLimits {
  const buckets: Readonly<Record<Unit, Map<string, Bucket>>> = { requests: new Map(), tokens: new Map() };

  function open(unit: Unit, { id, limits }: KeyHolder): Bucket | undefined {
    const limit = unit === 'requests' ? limits?.requestsPerMinute : limits?.tokensPerMinute;
    if (limit === undefined) {
      buckets[unit].delete(id);
      return undefined;
    }
    const nowMs = clock.nowMs();
    const known = buckets[unit].get(id);
    // Whoever changed the limit starts a new minute.
    if (known?.limit !== limit) {
      const bucket = { limit, level: limit, filledMs: nowMs };
      buckets[unit].set(id, bucket);
      return bucket;
    }
    const passedMs = Math.max(0, nowMs - known.filledMs);
    known.level = Math.min(limit, known.level + (limit * passedMs) / MINUTE_MS);
    known.filledMs = nowMs;
    return known;
  }

  function take(context: ApiContext, unit: Unit, key: KeyHolder, wanted: number): Bucket | undefined {
    const bucket = open(unit, key);
    if (bucket === undefined) return undefined;
    const needed = Math.min(wanted, bucket.limit);
    const waitS = computeWaitS(bucket, needed);
    if (waitS === 0) bucket.level -= wanted;
    showBucket(context, unit, bucket);
    if (waitS === 0) return bucket;
    const left = Math.max(0, Math.floor(bucket.level));
    throw new ApiError(
      'too_many_requests',
      `This key may have ${bucket.limit} ${unit} a minute; ${left} are left and this request takes ${wanted}. Try again in ${waitS} s.`,
      { publicCode: 'rate_limit_exceeded', retryAfterS: waitS },
    );
  }

  return {
    countRequest: (context, key) => void take(context, 'requests', key, 1),
    meter(context, key, replies, asked) {
      const wanted = asked.reduce((sum, { request, count }) => sum + boundTokens(request) * count, 0);
      const bucket = take(context, 'tokens', key, wanted);
      return bucket === undefined ? replies : createMeter(replies, { bucket, call: getCallSignal(context) });
    },
    take(context, key, request) {
      const bound = boundTokens(request);
      const bucket = take(context, 'tokens', key, bound);
      return (used) => bucket && giveBack(bucket, bound - used);
    },
  };
}

function boundTokens(request: CommonRequest): number {
  const { promptTokens, outputTokens } = findModality(request.endpoint).boundTokens(request);
  return promptTokens + outputTokens;
}

function giveBack(bucket: Bucket, tokens: number): void {
  bucket.level = Math.min(bucket.limit, bucket.level + Math.max(0, tokens));
}

/** Gives back what each reply did not have of its bound. */
function createMeter(
  replies: ReplyService,
  { bucket, call }: { readonly bucket: Bucket; readonly call: AbortSignal },
): ReplyService {
  return {
    async *serve<Q extends CommonRequest, R extends BoughtAnswer>(job: ReplyJob<Q, R>) {
      const bound = boundTokens(job.request);
      // Whoever leaves before the end has had all of it, so that leaving is no way around the limit.
      let used = bound;
      try {
        const reply = yield* replies.serve<Q, R>(job);
        used = reply.promptTokens + reply.outputTokens;
        return reply;
      } catch (error) {
        // A choice that was ended because another one failed did not leave.
        if (!call.aborted) used = 0;
        throw error;
      } finally {
        giveBack(bucket, bound - used);
      }
    },
  };
}

/** Whole seconds until that much is there, at most a minute more than the debt; 0 where it is. */
const computeWaitS = ({ limit, level }: Bucket, needed: number): number =>
  level >= needed ? 0 : Math.max(1, Math.ceil(((needed - level) / limit) * 60));

/** As OpenAI names and words them: `reset` is when the bucket is full again. */
function showBucket(context: ApiContext, unit: Unit, bucket: Bucket): void {
  context.header(`x-ratelimit-limit-${unit}`, String(bucket.limit));
  context.header(`x-ratelimit-remaining-${unit}`, String(Math.max(0, Math.floor(bucket.level))));
  context.header(`x-ratelimit-reset-${unit}`, `${computeWaitS(bucket, bucket.limit)}s`);
}
