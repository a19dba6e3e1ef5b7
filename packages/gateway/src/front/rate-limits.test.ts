import type { ApiContext } from '@ogong/host/http/api-app';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { expect, it } from 'vitest';
import type { KeyHolder, KeyLimits } from '../books/api-keys.ts';
import { createMemoryBuckets } from '../books/rate-buckets.ts';
import type { BoughtReply, ReplyJob } from '../buy/reply.ts';
import type { ReplyService } from '../buy/reply-service.ts';
import { createReplyTurns } from '../buy/reply-turns.ts';
import { createRateLimits } from './rate-limits.ts';

let nowMs = 0;
const rates = () => {
  nowMs = 1_000_000;
  return createRateLimits({ buckets: createMemoryBuckets(() => nowMs) });
};
const holder = (limits: KeyLimits, id = 'a'): KeyHolder => ({ id, budgetAtomic: undefined, limits });
const createContext = () => {
  const headers = new Map<string, string>();
  const call = new AbortController();
  const header = (name: string, value: string) => headers.set(name, value);
  const context = {
    header,
    env: {},
    get() {},
    set() {},
    req: { raw: { signal: call.signal } },
  } as unknown as ApiContext;
  return { context, headers, call };
};

const body = JSON.stringify({
  model: 'ogong/verified/test/a',
  messages: [{ role: 'user', content: 'x'.repeat(20) }],
  max_tokens: 60,
});
const request = parseRequest(new TextEncoder().encode(body), 'chat');
const bound = request.promptTokenBound + request.maxTokens;
const createJob = (signal = new AbortController().signal) => ({ request, signal }) as ReplyJob;
const serve = (answer: () => BoughtReply): ReplyService => ({
  // biome-ignore lint/suspicious/noExplicitAny: one kind of reply is enough here
  async *serve(): AsyncGenerator<any, any> {
    yield {};
    return answer();
  },
});
async function readAll(stream: AsyncGenerator<unknown, unknown>): Promise<void> {
  while (!(await stream.next()).done);
}

it('takes a minute of requests at once, then as they come back, each key for itself', async () => {
  const limits = rates();
  const { context, headers } = createContext();
  const key = holder({ requestsPerMinute: 3 });
  for (const left of ['2', '1', '0']) {
    await limits.countRequest(context, key);
    expect(headers.get('x-ratelimit-remaining-requests')).toBe(left);
  }
  expect(headers.get('x-ratelimit-limit-requests')).toBe('3');
  expect(headers.get('x-ratelimit-reset-requests')).toBe('60s');
  const refused = { code: 'too_many_requests', status: 429, publicCode: 'rate_limit_exceeded', retryAfterS: 20 };
  await expect(limits.countRequest(context, key)).rejects.toThrow(expect.objectContaining(refused));
  // Another key, and one without a limit, do not wait for it.
  await limits.countRequest(context, holder({ requestsPerMinute: 1 }, 'b'));
  for (let i = 0; i < 9; i++) await limits.countRequest(context, holder({}, 'c'));
  nowMs += 19_999;
  await expect(limits.countRequest(context, key)).rejects.toThrow(expect.objectContaining({ retryAfterS: 1 }));
  // A refused request was not counted.
  nowMs += 1;
  await limits.countRequest(context, key);
  await expect(limits.countRequest(context, key)).rejects.toThrow();
});

it('starts again where the limit was changed, and fills nothing by a clock that goes back', async () => {
  const limits = rates();
  const { context } = createContext();
  await limits.countRequest(context, holder({ requestsPerMinute: 1 }));
  nowMs -= 600_000;
  await expect(limits.countRequest(context, holder({ requestsPerMinute: 1 }))).rejects.toThrow();
  await limits.countRequest(context, holder({ requestsPerMinute: 2 }));
});

it('takes the most that a call may have, and gives back what it did not have', async () => {
  const limits = rates();
  const { context, headers } = createContext();
  const key = holder({ tokensPerMinute: bound * 2 });
  const left = () => Number(headers.get('x-ratelimit-remaining-tokens'));
  const replies = serve(() => ({ promptTokens: 4, outputTokens: 6 }) as BoughtReply);
  const metered = await limits.meter(context, key, replies, [{ request, count: 2 }]);
  expect(left()).toBe(0);
  await expect(limits.meter(context, key, replies, [{ request, count: 1 }])).rejects.toThrow(
    expect.objectContaining({ code: 'too_many_requests' }),
  );
  await readAll(metered.serve(createJob()));
  await readAll(metered.serve(createJob()));
  await limits.meter(context, key, replies, [{ request, count: 1 }]);
  expect(left()).toBe(bound * 2 - 20 - bound);
});

it('counts no more tokens than the model has context, and asks for the context only if tokens are limited', async () => {
  nowMs = 1_000_000;
  const asked: string[] = [];
  const contexts = {
    async largest(model: string) {
      asked.push(model);
      return 32;
    },
  };
  const limits = createRateLimits({ buckets: createMemoryBuckets(() => nowMs), contexts });
  const { context, headers } = createContext();
  const left = () => Number(headers.get('x-ratelimit-remaining-tokens'));
  const replies = serve(() => ({ promptTokens: 4, outputTokens: 6 }) as BoughtReply);
  const key = holder({ tokensPerMinute: 100 });
  const metered = await limits.meter(context, key, replies, [{ request, count: 2 }]);
  expect(left()).toBe(36);
  await readAll(metered.serve(createJob()));
  const giveBack = await limits.take(context, key, request);
  expect(left()).toBe(26);
  await giveBack(32);
  expect(asked).toEqual(['ogong/verified/test/a', 'ogong/verified/test/a']);
  expect(await limits.meter(context, holder({}), replies, [{ request, count: 2 }])).toBe(replies);
  expect(asked).toHaveLength(2);
});

it('gives all back where a provider fails, and nothing where the caller leaves', async () => {
  const limits = rates();
  const { context, headers, call } = createContext();
  const key = holder({ tokensPerMinute: bound * 4 });
  const left = () => Number(headers.get('x-ratelimit-remaining-tokens'));
  const failing = serve(() => {
    throw new Error('the provider failed');
  });
  const meter = () => limits.meter(context, key, failing, [{ request, count: 1 }]);
  await expect(readAll((await meter()).serve(createJob()))).rejects.toThrow('failed');
  await meter();
  expect(left()).toBe(bound * 3);
  const stream = (await meter()).serve(createJob());
  await stream.next();
  await stream.return(undefined as never);
  // Another choice of the same call failed, which ends this one: nobody has left.
  const ended = new AbortController();
  ended.abort();
  await expect(readAll((await meter()).serve(createJob(ended.signal)))).rejects.toThrow('failed');
  call.abort();
  await expect(readAll((await meter()).serve(createJob(call.signal)))).rejects.toThrow('failed');
  expect(left()).toBe(bound);
  await meter();
  await expect(meter()).rejects.toThrow();
});

it('gives all back for replies that are not begun after the failure of another one', async () => {
  const limits = rates();
  const { context, headers } = createContext();
  const key = holder({ tokensPerMinute: bound * 4 });
  const failing = createReplyTurns(
    serve(() => {
      throw new Error('the provider failed');
    }),
    1,
  );
  const metered = await limits.meter(context, key, failing, [{ request, count: 3 }]);
  const results = await Promise.allSettled([1, 2, 3].map(() => readAll(metered.serve(createJob()))));
  expect(results.map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
  await limits.meter(context, key, failing, [{ request, count: 1 }]);
  expect(headers.get('x-ratelimit-remaining-tokens')).toBe(String(bound * 3));
});

it('lets a call that is larger than a minute through a full bucket, and pays it off', async () => {
  const limits = rates();
  const { context } = createContext();
  const key = holder({ tokensPerMinute: bound / 2 });
  const replies = serve(() => ({ promptTokens: bound, outputTokens: 0 }) as BoughtReply);
  const meter = () => limits.meter(context, key, replies, [{ request, count: 1 }]);
  await readAll((await meter()).serve(createJob()));
  // Half of the bucket below nothing: a minute pays it off, another one fills it.
  await expect(meter()).rejects.toThrow(expect.objectContaining({ retryAfterS: 120 }));
  nowMs += 119_000;
  await expect(meter()).rejects.toThrow();
  nowMs += 1_000;
  await meter();
});
