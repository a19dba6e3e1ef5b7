// A network of processes as data: each knows the others by this, without a chain.
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { createFixedChain } from '@ogong/testing/network/fixed-chain';
import { createTestClock, ledger } from '@ogong/testing/validator/test-bench';
import type { PathValidator } from '../path/path-validator.ts';

type PathChain = PathValidator['chain'];

/** One moment by the clock of the machine and by that of the network. */
interface SharedTime {
  readonly machineMs: number;
  readonly networkMs: number;
}

/** Time, validators, beacon and router, as the validator's process reports them. */
export interface NetworkPlace {
  readonly time: SharedTime;
  readonly validators: readonly QuorumMember[];
  readonly beacon: KnownBeacon;
  readonly router: Awaited<ReturnType<PathChain['router']>>;
}

/** A new beacon, which a process of the network passes to the others. */
export interface BeaconNews {
  readonly beacon: KnownBeacon;
}

/** Creates the network's clock. It runs with the machine's clock, alike in all processes. */
export function createSharedClock(time?: SharedTime) {
  const { machineMs, networkMs } = time ?? { machineMs: Date.now(), networkMs: createTestClock().nowMs() };
  let aheadMs = 0;
  return {
    time: { machineMs, networkMs },
    nowMs: () => networkMs + aheadMs + Date.now() - machineMs,
    advance(ms: number) {
      aheadMs += ms;
    },
  };
}

/** The network as gateway, router and provider see it. Beacons come as messages of the process that started this one. */
export function openNetworkView(place: NetworkPlace) {
  const { validators, beacon: first, router } = place;
  const known = new Map([[first.epoch, first]]);
  const waiting = new Map<bigint, PromiseWithResolvers<KnownBeacon>>();
  let latest = first;
  process.on('message', (message: Partial<BeaconNews>) => {
    const { beacon } = message;
    if (beacon === undefined) return;
    known.set(beacon.epoch, beacon);
    waiting.get(beacon.epoch)?.resolve(beacon);
    waiting.delete(beacon.epoch);
    if (beacon.epoch > latest.epoch) latest = beacon;
  });
  return {
    clock: createSharedClock(place.time),
    chain: createFixedChain({ ledger, members: () => validators, router: async () => router }),
    beacons: {
      latest: () => latest,
      async get(epoch: bigint): Promise<KnownBeacon> {
        const { promise, ...rest } = waiting.get(epoch) ?? Promise.withResolvers<KnownBeacon>();
        const found = known.get(epoch);
        if (found !== undefined) return found;
        waiting.set(epoch, { promise, ...rest });
        return promise;
      },
    },
  };
}
