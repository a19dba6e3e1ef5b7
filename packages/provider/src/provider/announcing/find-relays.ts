import { setTimeout as delay } from 'node:timers/promises';
import { formatHostPort, parseHostPort } from '@ogong/host/link/host-port';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_ENDPOINT_BYTES } from '@ogong/protocol/exchange/limits';
import { type KnownRelay, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** With two of them a provider stays reachable when one goes. */
const WANTED = 2;
/** Relays that are read of one router; the others are ignored. */
const MOST_OF_ONE = 8;
const ASK_TIMEOUT_MS = 5_000;
const PAUSE = { firstMs: 250, longestMs: 5_000 };

export interface FindRelaysOptions {
  readonly routers: readonly Peer[];
  /** How long routers that name no relay are asked again. */
  readonly patienceMs: number;
}

export interface FindRelaysDependencies {
  readonly links: LinkPool;
  readonly uptime: { nowMs(): number };
  /** In [0, 1). */
  readonly random: () => number;
  readonly onError?: (error: unknown, router: string) => void;
}

/**
 * Relays that routers name, from different routers if there are some, two at most. A relay is not trusted: it can refuse to carry, and
 * nothing else. Empty if no router names one in time.
 */
export async function findRelays(
  { routers, patienceMs }: FindRelaysOptions,
  { links, uptime, random, onError = () => {} }: FindRelaysDependencies,
): Promise<readonly KnownPeer[]> {
  const untilMs = uptime.nowMs() + patienceMs;
  const ask = async (router: Peer): Promise<KnownPeer[]> => {
    const { relays } = await links.to(RouterService, router).listRelays({}, { timeoutMs: ASK_TIMEOUT_MS });
    return relays.slice(0, MOST_OF_ONE).flatMap((relay) => readRelay(relay) ?? []);
  };
  for (let failures = 0; ; failures++) {
    const named = await Promise.all(
      routers.map((router) =>
        ask(router).catch((error: unknown): KnownPeer[] => {
          onError(error, typeof router.endpoint === 'string' ? router.endpoint : formatHostPort(router.endpoint));
          return [];
        }),
      ),
    );
    const found = takeInTurn(named);
    if (found.length > 0 || uptime.nowMs() >= untilMs) return found;
    await delay(computeBackoff(PAUSE, { failures, random: random() }));
  }
}

/** Undefined for what is no address and certificate. */
function readRelay({ endpoint, certHash }: KnownRelay): KnownPeer | undefined {
  if (certHash.length !== 32 || endpoint.length > MAX_ENDPOINT_BYTES) return undefined;
  try {
    return { endpoint: parseHostPort(endpoint), certHash };
  } catch {
    return undefined;
  }
}

/** The first of each router, then the second of each, without repeats. */
function takeInTurn(named: readonly (readonly KnownPeer[])[]): KnownPeer[] {
  const found = new Map<string, KnownPeer>();
  for (let turn = 0; turn < MOST_OF_ONE; turn++) {
    for (const relays of named) {
      const relay = relays[turn];
      // The first name counts: no router leads away from a relay that another router named.
      if (relay === undefined || found.size >= WANTED || found.has(toHex(relay.certHash))) continue;
      found.set(toHex(relay.certHash), relay);
    }
  }
  return [...found.values()];
}
