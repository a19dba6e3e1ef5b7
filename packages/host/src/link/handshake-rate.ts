import type { Clock } from '../time/clock.ts';
import type { LinkServerLimits } from './link-limits.ts';
import { createRateLimiter } from './token-bucket.ts';

/**
 * A TLS handshake costs a server about a millisecond of processor time, and the caller next to nothing. The caller is known only after it,
 * so addresses count: each has a rate, and all of them one together. Addresses from which a known peer came within the last hour have room
 * of their own. An address from which a peer was expelled begins slowly for a minute. Otherwise a peer that lost its links for refused
 * calls would begin anew at once.
 */
export interface HandshakeRate {
  /** @returns whether a connection from there may begin its handshake. */
  take(group: string): boolean;
  /** A known peer came from there. */
  remember(group: string): void;
  /** A stranger from there lost its links. */
  slow(group: string): void;
}

const REMEMBERED_MS = 3_600_000;
export const SLOWED_MS = 60_000;
/** More than a network has validators. */
const MAX_REMEMBERED = 4_096;
const TOGETHER = 'strangers';

export function createHandshakeRate(
  limits: Pick<LinkServerLimits, 'groupHandshakeRate' | 'slowedHandshakeRate' | 'handshakeRate'>,
  clock: Clock,
): HandshakeRate {
  const ofGroup = createRateLimiter(limits.groupHandshakeRate, clock);
  const ofSlowed = createRateLimiter(limits.slowedHandshakeRate, clock);
  const ofAll = createRateLimiter(limits.handshakeRate, clock);
  const known = createMemory(REMEMBERED_MS, clock);
  const slowed = createMemory(SLOWED_MS, clock);

  return {
    take(group) {
      if (!ofGroup.take(group)) return false;
      if (known.has(group)) return true;
      return (!slowed.has(group) || ofSlowed.take(group)) && ofAll.take(TOGETHER);
    },
    remember: known.add,
    slow: slowed.add,
  };
}

/** Names, each for a time after it was added last. If there are too many, the oldest is forgotten. */
function createMemory(forMs: number, clock: Clock) {
  /** Ascending. */
  const atMs = new Map<string, number>();
  return {
    has(name: string): boolean {
      const since = atMs.get(name);
      return since !== undefined && clock.nowMs() - since < forMs;
    },
    add(name: string): void {
      atMs.delete(name);
      atMs.set(name, clock.nowMs());
      const [oldest] = atMs.keys();
      if (atMs.size > MAX_REMEMBERED && oldest !== undefined) atMs.delete(oldest);
    },
  };
}
