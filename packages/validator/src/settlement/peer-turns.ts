import { RateLimited } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';

/**
 * Most waiting calls of a peer. An honest peer may ask about its next batch before it has the answer to the last one.
 */
const MOST_WAITING = 8;

interface Turns {
  last: Promise<unknown>;
  /** Running and waiting calls. */
  calls: number;
}

type TakeTurn = <T>(peer: Uint8Array, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/**
 * Unpacks and checks one batch of a peer at a time, so a peer that sends many uses the time and memory of one. Peers do
 * not wait for each other. @throws RateLimited if too many calls wait
 */
export function createPeerTurns(): TakeTurn {
  const byPeer = new Map<string, Turns>();
  return async (peer, signal, work) => {
    const name = toHex(peer);
    const turns = byPeer.get(name) ?? { last: Promise.resolve(), calls: 0 };
    if (turns.calls > MOST_WAITING) throw new RateLimited('too many batches at once');
    byPeer.set(name, turns);
    turns.calls++;
    const done = turns.last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    turns.last = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      turns.calls--;
      if (turns.calls === 0) byPeer.delete(name);
    }
  };
}
