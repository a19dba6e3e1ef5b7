import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type WatchedLink, watchLinks } from './link-watch.ts';

const PING_MS = 5_000;
let nowMs = 0;
const clock = { nowMs: () => nowMs };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  nowMs = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets time pass. @param heldMs time for which this process stands still first. */
function pass(ms: number, heldMs = 0): void {
  nowMs += heldMs;
  for (let left = ms; left > 0; left -= PING_MS) {
    nowMs += PING_MS;
    vi.advanceTimersByTime(PING_MS);
  }
}

interface Peer extends WatchedLink {
  answers: boolean;
  isEnded: boolean;
}

function createPeer(name: number, answers = true): Peer {
  const peer: Peer = {
    ...{ peer: Uint8Array.of(name), answers, isEnded: false },
    session: {
      get destroyed() {
        return peer.isEnded;
      },
      destroy() {
        peer.isEnded = true;
      },
      ping(done: (error: Error | null, durationMs: number, payload: Buffer) => void) {
        if (peer.answers) done(null, 1, Buffer.alloc(8));
        return true;
      },
    } as WatchedLink['session'],
  };
  return peer;
}

const watch = (peers: readonly Peer[], isWatched = (_peer: Uint8Array) => true) =>
  watchLinks({ isWatched, pingMs: PING_MS }, { links: () => peers, clock });

describe('a link that is watched', () => {
  it('ends if two pings in a row have no answer, and no sooner', () => {
    const [living, silent] = [createPeer(1), createPeer(2, false)];
    watch([living, silent]);
    pass(2 * PING_MS);
    expect(silent.isEnded).toBe(false);
    pass(PING_MS);
    expect([living.isEnded, silent.isEnded]).toEqual([false, true]);
  });

  it('stays if the second one is answered', () => {
    const slow = createPeer(1, false);
    watch([slow]);
    pass(PING_MS);
    slow.answers = true;
    pass(PING_MS);
    slow.answers = false;
    pass(2 * PING_MS);
    expect(slow.isEnded).toBe(false);
    pass(PING_MS);
    expect(slow.isEnded).toBe(true);
  });

  it('is not blamed for a time in which this process stood still', () => {
    const silent = createPeer(1, false);
    watch([silent]);
    pass(2 * PING_MS);
    pass(PING_MS, 60_000);
    expect(silent.isEnded).toBe(false);
    pass(PING_MS);
    expect(silent.isEnded).toBe(true);
  });

  it('is one whose peer matters; others are not pinged', () => {
    const [watched, other] = [createPeer(1, false), createPeer(2, false)];
    const ping = vi.spyOn(other.session, 'ping');
    const stop = watch([watched, other], ([name]) => name === 1);
    pass(3 * PING_MS);
    expect([watched.isEnded, other.isEnded]).toEqual([true, false]);
    expect(ping).not.toHaveBeenCalled();
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
