import { RateLimited } from '@ogong/host/link/link-error';
import { describe, expect, it } from 'vitest';
import { createPeerTurns } from './peer-turns.ts';

const [first, second] = [Uint8Array.of(1), Uint8Array.of(2)];
const { signal } = new AbortController();

/** Calls that end when they are told to. */
function createCalls() {
  const takeTurn = createPeerTurns();
  const begun: string[] = [];
  const call = (peer: Uint8Array, name: string, until = signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const done = takeTurn(peer, until, () => {
      begun.push(name);
      return promise;
    });
    return { done, end: () => resolve(name), fail: () => reject(new Error(name)) };
  };
  return { begun, call };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the turns of peers', () => {
  it('come one after the other for one peer, also after a failure, and another peer does not wait', async () => {
    const { begun, call } = createCalls();
    const calls = [call(first, 'a'), call(first, 'b'), call(first, 'c')] as const;
    const other = call(second, 'other');
    await settle();
    expect(begun).toEqual(['a', 'other']);
    calls[0].fail();
    await expect(calls[0].done).rejects.toThrow('a');
    await settle();
    expect(begun).toEqual(['a', 'other', 'b']);
    for (const one of [...calls, other]) one.end();
    expect(await Promise.all([calls[1].done, calls[2].done, other.done])).toEqual(['b', 'c', 'other']);
  });

  it('are not taken by a call that is over', async () => {
    const { begun, call } = createCalls();
    const leaving = new AbortController();
    const [running, over, next] = [call(first, 'a'), call(first, 'b', leaving.signal), call(first, 'c')];
    leaving.abort(new Error('left'));
    running.end();
    next.end();
    await expect(over.done).rejects.toThrow('left');
    expect(await next.done).toBe('c');
    expect(begun).toEqual(['a', 'c']);
  });

  it('are refused to a peer with too many that wait, until one has ended', async () => {
    const { call } = createCalls();
    const calls = Array.from({ length: 9 }, (_, i) => call(first, `${i}`));
    await expect(call(first, 'more').done).rejects.toThrow(RateLimited);
    for (const one of calls) one.end();
    await Promise.all(calls.map(({ done }) => done));
    const again = call(first, 'again');
    again.end();
    expect(await again.done).toBe('again');
  });
});
