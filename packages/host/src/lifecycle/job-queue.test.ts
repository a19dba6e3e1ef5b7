import { describe, expect, it } from 'vitest';
import { createJobQueue } from './job-queue.ts';

const never = new AbortController().signal;

/** Work that ends on request. */
function createWork() {
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = false;
  return {
    run: () => {
      started = true;
      return promise;
    },
    finish: resolve,
    hasStarted: () => started,
  };
}

describe('job queue', () => {
  it('fills all slots, and runs the others in their order', async () => {
    const order: number[] = [];
    const waiting: number[] = [];
    const queue = createJobQueue({ slots: 1, maxWaiting: 2, onWaiting: (count) => waiting.push(count) });
    const first = createWork();
    const jobs = [queue.run(first.run, never), ...[2, 3].map((n) => queue.run(async () => order.push(n), never))];
    await Promise.resolve();
    expect(first.hasStarted()).toBe(true);
    expect(order).toEqual([]);
    first.finish();
    await Promise.all(jobs);
    expect(order).toEqual([2, 3]);
    expect(waiting).toEqual([1, 2, 1, 0]);
  });

  it('refuses a job while too many wait, and accepts one afterwards', async () => {
    const queue = createJobQueue({ slots: 1, maxWaiting: 1 });
    const first = createWork();
    const jobs = [queue.run(first.run, never), queue.run(async () => 2, never)];
    await expect(queue.run(async () => 3, never)).rejects.toThrow(/1 jobs wait already/);
    first.finish();
    await Promise.all(jobs);
    expect(await queue.run(async () => 4, never)).toBe(4);
  });

  it('drops a job whose deadline passes before its turn, and frees its place', async () => {
    const queue = createJobQueue({ slots: 1, maxWaiting: 1 });
    const first = createWork();
    const running = queue.run(first.run, never);
    const deadline = new AbortController();
    const late = createWork();
    const dropped = queue.run(late.run, deadline.signal);
    deadline.abort();
    await expect(dropped).rejects.toThrow(/deadline/);
    const next = queue.run(async () => 'ran', never);
    first.finish();
    await running;
    expect(await next).toBe('ran');
    expect(late.hasStarted()).toBe(false);
    await expect(queue.run(late.run, deadline.signal)).rejects.toThrow(/deadline/);
  });

  it('frees the slot of a job that fails', async () => {
    const queue = createJobQueue({ slots: 1, maxWaiting: 0 });
    await expect(queue.run(() => Promise.reject(new Error('broken')), never)).rejects.toThrow('broken');
    expect(await queue.run(async () => 1, never)).toBe(1);
  });

  it('takes turns between owners, in any order of arrival', async () => {
    const queue = createJobQueue({ slots: 1, maxWaiting: 10 });
    const first = createWork();
    const order: string[] = [];
    const jobs = [queue.run(first.run, never, 'a')];
    for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) {
      jobs.push(queue.run(async () => void order.push(name), never, name[0]));
    }
    first.finish();
    await Promise.all(jobs);
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('cannot be filled by one owner: its newest jobs make room for others, up to as many', async () => {
    const waiting: number[] = [];
    const queue = createJobQueue({ slots: 1, maxWaiting: 4, onWaiting: (count) => waiting.push(count) });
    const first = createWork();
    const running = queue.run(first.run, never, 'flood');
    const flood = Array.from({ length: 40 }, (_, i) => queue.run(async () => `flood ${i}`, never, 'flood'));
    const honest = Array.from({ length: 3 }, (_, i) => queue.run(async () => `honest ${i}`, never, 'honest'));
    const all = Promise.allSettled([...flood, ...honest]);
    first.finish();
    await running;
    const served = (await all).flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(served).toEqual(['flood 0', 'flood 1', 'honest 0', 'honest 1']);
    expect(Math.max(...waiting)).toBe(4);
    expect(waiting.at(-1)).toBe(0);
    await expect(flood[3]).rejects.toThrow(/others have fewer/);
  });
});
