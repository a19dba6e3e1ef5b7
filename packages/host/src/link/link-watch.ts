import type { ServerHttp2Session } from 'node:http2';
import { type Clock, monotonicClock } from '../time/clock.ts';
import type { PeerId } from './link-identity.ts';

export interface LinkWatchOptions {
  /** Peers whose silence matters. */
  readonly isWatched: (peer: PeerId) => boolean;
  /** Pause between two pings of a link. */
  readonly pingMs: number;
}

export interface WatchedLink {
  readonly peer: PeerId;
  readonly session: Pick<ServerHttp2Session, 'ping' | 'destroy' | 'destroyed'>;
}

/** Pings in a row that a link may leave without an answer. */
const MOST_MISSED = 2;

/**
 * Ends the links of watched peers that answer no ping. A peer that loses power or network closes no connection, and an idle connection
 * stays open for hours. If this process itself stood still, answers may lie unread, so the round does not count.
 * @returns the end of it.
 */
export function watchLinks(
  { isWatched, pingMs }: LinkWatchOptions,
  { links, clock = monotonicClock }: { readonly links: () => Iterable<WatchedLink>; readonly clock?: Clock },
): () => void {
  const missed = new WeakMap<WatchedLink['session'], number>();
  let lookedMs = clock.nowMs();
  const timer = setInterval(() => {
    const nowMs = clock.nowMs();
    const isLate = nowMs - lookedMs > 1.5 * pingMs;
    lookedMs = nowMs;
    for (const { peer, session } of links()) {
      if (session.destroyed || !isWatched(peer)) continue;
      const count = missed.get(session) ?? 0;
      if (!isLate && count >= MOST_MISSED) {
        session.destroy();
        continue;
      }
      if (!isLate) missed.set(session, count + 1);
      session.ping((error) => {
        if (!error) missed.delete(session);
      });
    }
  }, pingMs);
  timer.unref();
  return () => clearInterval(timer);
}
