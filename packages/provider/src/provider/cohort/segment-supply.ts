import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type Announcement,
  readHandedAnnouncement,
  type SignedAnnouncement,
  verifyAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import { encodeHeld } from '@ogong/protocol/exchange/held-supply';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

export interface SegmentSupplyOptions {
  /** SHA-256 of the manifest, 32 bytes. Only announcements with segments of this cut are read. */
  readonly manifestHash: Uint8Array;
  readonly routers: readonly Peer[];
  readonly ledger: LedgerDomain;
}

export interface SegmentSupplyDependencies {
  readonly crypto: Crypto;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly links: LinkPool;
  readonly onError: (error: unknown, router: Peer) => void;
}

/** Providers with segments of one cut, as routers hand them on (docs/spec/tilings.md). */
export interface SegmentSupply {
  /** Asks all routers for newer announcements. A provider leaves when its announcement expires, since one router must not remove it. */
  refresh(): Promise<void>;
  /** Verified announcements that have not expired, the newest of each provider. */
  list(): readonly Announcement[];
}

const ASK_TIMEOUT_MS = 5_000;
/** A router answers with at most so many. */
const MAX_HANDED_AT_ONCE = 256;
/** The search for tilings looks at no more offers. */
const MAX_KEPT = 1_024;

export function createSegmentSupply(
  { manifestHash, routers, ledger }: SegmentSupplyOptions,
  { crypto, clock, links, onError }: SegmentSupplyDependencies,
): SegmentSupply {
  const kept = new Map<string, Announcement>();

  const forgetExpired = (): void => {
    for (const [key, { expiresAtMs }] of kept) if (expiresAtMs <= clock.nowMs()) kept.delete(key);
  };

  function take(signed: SignedAnnouncement): void {
    const read = readHandedAnnouncement(signed.announcement);
    if (read === undefined) return;
    const key = toHex(read.providerId);
    const previous = kept.get(key);
    // Signatures cost most, so they are checked last.
    if (previous === undefined && kept.size >= MAX_KEPT) return;
    if (previous !== undefined && read.sequence <= previous.sequence) return;
    const { ok, announcement } = verifyAnnouncement(crypto, signed, { ledger, nowMs: clock.nowMs() });
    if (ok && announcement !== undefined) kept.set(key, announcement);
  }

  async function ask(router: Peer): Promise<void> {
    const request = { held: encodeHeld([...kept.values()]), manifest: manifestHash };
    const answer = await links.to(RouterService, router).handSupply(request, { timeoutMs: ASK_TIMEOUT_MS });
    for (const signed of answer.announcements.slice(0, MAX_HANDED_AT_ONCE)) {
      take(signed);
      // Orders run between the checks of signatures.
      await nextTurn();
    }
  }

  return {
    async refresh() {
      forgetExpired();
      // One after the other, so that a router is asked only for what the others lack.
      for (const router of routers) await ask(router).catch((error: unknown) => onError(error, router));
    },
    list() {
      forgetExpired();
      return [...kept.values()];
    },
  };
}
