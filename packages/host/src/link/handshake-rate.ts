import type { Clock } from '../time/clock.ts';
import type { LinkServerLimits } from './link-limits.ts';
import { createRateLimiter } from './token-bucket.ts';

/**
 * A TLS handshake costs a server a millisecond or so of processor time, and whoever asks for it next to nothing. Who asks is known
 * only after it, so addresses count: each has a rate, and all of them one together. Addresses from which a known peer came within
 * the last hour have room of their own.
 */
export interface HandshakeRate {
  /** @returns whether a connection from there may begin its handshake. */
  take(group: string): boolean;
  /** A known peer came from there. */
  remember(group: string): void;
}

const REMEMBERED_MS = 3_600_000;
/** More than a network has validators. */
const MAX_REMEMBERED = 4_096;
const TOGETHER = 'strangers';

export function createHandshakeRate(
  limits: Pick<LinkServerLimits, 'groupHandshakeRate' | 'handshakeRate'>,
  clock: Clock,
): HandshakeRate {
  const ofGroup = createRateLimiter(limits.groupHandshakeRate, clock);
  const ofAll = createRateLimiter(limits.handshakeRate, clock);
  /** When a known peer came from there, ascending. */
  const known = new Map<string, number>();

  function isKnown(group: string): boolean {
    const atMs = known.get(group);
    return atMs !== undefined && clock.nowMs() - atMs < REMEMBERED_MS;
  }

  return {
    take: (group) => ofGroup.take(group) && (isKnown(group) || ofAll.take(TOGETHER)),
    remember(group) {
      known.delete(group);
      known.set(group, clock.nowMs());
      const [oldest] = known.keys();
      if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    },
  };
}
