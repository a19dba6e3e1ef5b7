import { ApiError } from '@ogong/host/http/api-error';
import { expect, it } from 'vitest';
import type { BoughtReply, ReplyJob } from './reply.ts';
import type { ReplyService } from './reply-service.ts';
import { createReplyTurns } from './reply-turns.ts';

/** Replies that end when the test says so. */
function createManual() {
  const begun: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<BoughtReply>>();
  const replies: ReplyService = {
    // biome-ignore lint/suspicious/noExplicitAny: one kind of reply is enough here
    async *serve(job): AsyncGenerator<any, any> {
      const index = job.index as number;
      begun.push(index);
      ends.set(index, Promise.withResolvers());
      yield {};
      return ends.get(index)?.promise;
    },
  };
  return { replies, begun, end: (index: number) => ends.get(index) as PromiseWithResolvers<BoughtReply> };
}

async function ask(turns: ReplyService, index: number): Promise<BoughtReply> {
  const stream = turns.serve({ index } as ReplyJob);
  await stream.next();
  return (await stream.next()).value as BoughtReply;
}
const reply = { replyId: 'a' } as BoughtReply;
const settle = () => new Promise((resolve) => setImmediate(resolve));

it('runs no more replies at once than it may, in their order', async () => {
  const { replies, begun, end } = createManual();
  const turns = createReplyTurns(replies, 2);
  const asked = [0, 1, 2, 3].map((index) => ask(turns, index));
  await settle();
  expect(begun).toEqual([0, 1]);
  end(1).resolve(reply);
  await settle();
  expect(begun).toEqual([0, 1, 2]);
  end(0).resolve(reply);
  await settle();
  end(2).resolve(reply);
  end(3).resolve(reply);
  expect(await Promise.all(asked)).toEqual(Array(4).fill(reply));
  const later = ask(turns, 4);
  await settle();
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  end(4).resolve(reply);
  await later;
});

it('begins none after a failure, and lets the running ones end', async () => {
  const { replies, begun, end } = createManual();
  const turns = createReplyTurns(replies, 2);
  const asked = [0, 1, 2, 3].map((index) => ask(turns, index));
  const results = Promise.allSettled(asked);
  await settle();
  const error = new ApiError('provider_failed', 'it failed');
  end(0).reject(error);
  await settle();
  end(1).resolve(reply);
  expect((await results).map((one) => (one.status === 'fulfilled' ? 'bought' : one.reason))).toEqual([
    ...[error, 'bought', error, error],
  ]);
  expect(begun).toEqual([0, 1]);
});
