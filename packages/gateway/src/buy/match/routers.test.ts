import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { describe, expect, it } from 'vitest';
import { createRouters } from './routers.ts';

const peer = (n: number): Peer => ({ endpoint: `127.0.0.1:${n}`, certHash: new Uint8Array(32).fill(n) });
const ROUTERS = [peer(1), peer(2), peer(3)];
const unreachable = () => new LinkError('unreachable', 'nobody is there');
const refusal = (code: 'not-found' | 'unavailable') => new LinkError('remote', 'nobody serves it', { refusal: code });

/** Routers of which each answers as it is told, and the order in which they were asked. */
function open(answers: Record<number, () => unknown>) {
  const clock = { now: 1_000, nowMs: () => clock.now };
  const asked: number[] = [];
  const limits: ({ readonly timeoutMs?: number } | undefined)[] = [];
  const routers = createRouters({ routers: ROUTERS, doubtMs: 100 }, { links: {} as LinkPool, uptime: clock });
  const ask = (): Promise<unknown> =>
    routers.first(async (router, given) => {
      const n = ROUTERS.indexOf(router) + 1;
      asked.push(n);
      limits.push(given);
      const answer = answers[n]?.();
      if (answer instanceof Error) throw answer;
      return answer;
    });
  return { clock, asked, limits, ask, answers };
}

describe('several routers', () => {
  it('are asked in their order, and the first answer counts', async () => {
    const { ask, asked } = open({ 1: () => 'one', 2: () => 'two' });
    await expect(ask()).resolves.toBe('one');
    await expect(ask()).resolves.toBe('one');
    expect(asked).toEqual([1, 1]);
  });

  it('stand in for one that is out of reach, which is asked last for a while', async () => {
    const { ask, asked, clock, answers } = open({ 1: unreachable, 2: () => 'two', 3: () => 'three' });
    await expect(ask()).resolves.toBe('two');
    await expect(ask()).resolves.toBe('two');
    expect(asked).toEqual([1, 2, 2]);
    clock.now += 101;
    answers[1] = () => 'one again';
    await expect(ask()).resolves.toBe('one again');
  });

  it('stand in for one whose answer is void', async () => {
    const { ask, asked } = open({ 1: () => new Error('its draw does not replay'), 2: () => 'two' });
    await expect(ask()).resolves.toBe('two');
    await expect(ask()).resolves.toBe('two');
    expect(asked).toEqual([1, 2, 2]);
  });

  it('stand in for one that has just started and knows nobody, which is asked first again', async () => {
    const { ask, asked } = open({ 1: () => refusal('not-found'), 2: () => 'two' });
    await expect(ask()).resolves.toBe('two');
    await expect(ask()).resolves.toBe('two');
    expect(asked).toEqual([1, 2, 1, 2]);
  });

  it('end with the refusal of one that is there, rather than with the one that is not', async () => {
    const { ask } = open({ 1: unreachable, 2: () => refusal('unavailable'), 3: unreachable });
    await expect(ask()).rejects.toMatchObject({ refusal: 'unavailable' });
  });

  it('end with the refusal of one whose providers are busy, rather than with that of one that has none', async () => {
    const { ask } = open({ 1: () => refusal('not-found'), 2: () => refusal('unavailable'), 3: unreachable });
    await expect(ask()).rejects.toMatchObject({ refusal: 'unavailable' });
  });

  it('are all asked at once, and those that answer count', async () => {
    const routers = createRouters({ routers: ROUTERS }, { links: {} as LinkPool });
    const answers = await routers.all(async (router) => {
      if (router === ROUTERS[1]) throw unreachable();
      return router.endpoint;
    });
    expect(answers).toEqual(['127.0.0.1:1', '127.0.0.1:3']);
  });

  it('end with the first failure where none is there, and are all asked again', async () => {
    const { ask, asked } = open({ 1: unreachable, 2: unreachable, 3: unreachable });
    await expect(ask()).rejects.toMatchObject({ code: 'unreachable' });
    await expect(ask()).rejects.toMatchObject({ code: 'unreachable' });
    expect(asked).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it('have little time each while there is another one, and the last has all', async () => {
    const { ask, limits } = open({ 1: unreachable, 2: unreachable, 3: () => 'three' });
    await ask();
    expect(limits).toEqual([{ timeoutMs: 2_000 }, { timeoutMs: 2_000 }, {}]);
  });

  it('are not asked for a caller that has left', async () => {
    const { ask, asked } = open({ 1: () => new LinkError('canceled', 'the caller left'), 2: () => 'two' });
    await expect(ask()).rejects.toMatchObject({ code: 'canceled' });
    expect(asked).toEqual([1]);
  });

  it('are at least one', () => {
    expect(() => createRouters({ routers: [] }, { links: {} as LinkPool })).toThrow(RangeError);
  });
});
