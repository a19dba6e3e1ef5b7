import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import type { KeyHolder } from '../books/api-keys.ts';
import type { BucketPlace, RateBuckets, RateUnit } from '../books/rate-buckets.ts';
import type { BoughtAnswer, ReplyJob } from '../buy/reply.ts';
import type { ReplyService } from '../buy/reply-service.ts';
import type { ModelContexts } from './model-contexts.ts';

/**
 * Requests and tokens that a key may use in a minute. Each limit is a bucket that holds a minute's worth and fills evenly.
 */
export interface RateLimits {
  /** Counts one request, and says in headers what is left. @throws ApiError `too_many_requests`; nothing is counted then. */
  countRequest(context: ApiContext, key: KeyHolder): Promise<void>;
  /**
   * Takes the most tokens that the replies of a call may have, and gives back what they did not have. A call that is larger than
   * a minute's worth starts with a full bucket, and the next one waits until it is paid off.
   * @throws ApiError `too_many_requests`; nothing is taken then.
   */
  meter(
    context: ApiContext,
    key: KeyHolder,
    replies: ReplyService,
    asked: readonly MeteredRequest[],
  ): Promise<ReplyService>;
  /**
   * The same for one reply that its caller follows itself.
   * @returns gives back what it did not have, once it is over. @throws ApiError
   */
  take(context: ApiContext, key: KeyHolder, request: CommonRequest): Promise<(usedTokens: number) => Promise<void>>;
}

/** A request, and how many replies to it are asked for. */
export interface MeteredRequest {
  readonly request: CommonRequest;
  readonly count: number;
  /** Tokens of the model's largest context. Default: unknown, so the request's own limits count alone. */
  readonly contextSize?: number | undefined;
}

/** Returns the most tokens that one reply to the request can bill. */
export const boundMetered = ({
  request,
  contextSize = Number.POSITIVE_INFINITY,
}: Pick<MeteredRequest, 'request' | 'contextSize'>): number =>
  findModality(request.endpoint).boundBilled(request, contextSize);

export interface RateLimitDependencies {
  readonly buckets: RateBuckets;
  /** Default: no context is known. */
  readonly contexts?: Pick<ModelContexts, 'largest'>;
}

export function createRateLimits({ buckets, contexts }: RateLimitDependencies): RateLimits {
  async function take(
    context: ApiContext,
    unit: RateUnit,
    { id: keyId, limits }: KeyHolder,
    wanted: number,
  ): Promise<BucketPlace | undefined> {
    const limit = unit === 'requests' ? limits?.requestsPerMinute : limits?.tokensPerMinute;
    if (limit === undefined) return undefined;
    const place = { keyId, unit, limit };
    const { level, isTaken } = await buckets.take(place, wanted);
    showBucket(context, place, level);
    if (isTaken) return place;
    const left = Math.max(0, Math.floor(level));
    const waitS = computeWaitS(place, level, Math.min(wanted, limit));
    throw new ApiError(
      'too_many_requests',
      `This key may have ${limit} ${unit} a minute; ${left} are left and this request takes ${wanted}. Try again in ${waitS} s.`,
      { publicCode: 'rate_limit_exceeded', retryAfterS: waitS },
    );
  }

  return {
    async countRequest(context, key) {
      await take(context, 'requests', key, 1);
    },
    async meter(context, key, replies, asked) {
      if (key.limits?.tokensPerMinute === undefined) return replies;
      // All requests of a call name one model.
      const contextSize = asked[0] && (await contexts?.largest(asked[0].request.model));
      const wanted = asked.reduce((sum, { request, count }) => sum + boundMetered({ request, contextSize }) * count, 0);
      const place = await take(context, 'tokens', key, wanted);
      if (place === undefined) return replies;
      const giveBack = (left: number) => buckets.giveBack(place, left);
      return createMeter(replies, { call: getCallSignal(context), contextSize, giveBack });
    },
    async take(context, key, request) {
      if (key.limits?.tokensPerMinute === undefined) return async () => undefined;
      const bound = boundMetered({ request, contextSize: await contexts?.largest(request.model) });
      const place = await take(context, 'tokens', key, bound);
      return async (used) => {
        if (place !== undefined && bound > used) await buckets.giveBack(place, bound - used);
      };
    },
  };
}

/** Gives back what each reply did not have of its bound. */
function createMeter(
  replies: ReplyService,
  {
    call,
    contextSize,
    giveBack,
  }: Pick<MeteredRequest, 'contextSize'> & {
    readonly call: AbortSignal;
    readonly giveBack: (left: number) => Promise<void>;
  },
): ReplyService {
  return {
    async *serve<Q extends CommonRequest, R extends BoughtAnswer>(job: ReplyJob<Q, R>) {
      const bound = boundMetered({ request: job.request, contextSize });
      // A client that leaves early is counted for the whole bound, so that leaving is no way around the limit.
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
        if (bound > used) await giveBack(bound - used);
      }
    },
  };
}

/** Whole seconds until that much is there, at most a minute more than the debt; 0 where it is. */
const computeWaitS = ({ limit }: BucketPlace, level: number, needed: number): number =>
  level >= needed ? 0 : Math.max(1, Math.ceil(((needed - level) / limit) * 60));

/** As OpenAI names and words them: `reset` is when the bucket is full again. */
function showBucket(context: ApiContext, place: BucketPlace, level: number): void {
  const { unit, limit } = place;
  context.header(`x-ratelimit-limit-${unit}`, String(limit));
  context.header(`x-ratelimit-remaining-${unit}`, String(Math.max(0, Math.floor(level))));
  context.header(`x-ratelimit-reset-${unit}`, `${computeWaitS(place, level, limit)}s`);
}
