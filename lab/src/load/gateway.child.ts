// A gateway in a process of its own, with the process that checks its receipts below it.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Channel } from '@ogong/chain/client';
import type { Peer } from '@ogong/host/link/link-pool';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import { startGateway } from '../path/gateway-path.ts';

/** Where a network stands, as data. */
export interface NetworkPlace {
  readonly url: string;
  readonly router: Peer;
  readonly ledger: LedgerDomain;
  readonly validators: readonly QuorumMember[];
  readonly nowMs: number;
  readonly beacon: KnownBeacon;
  readonly known: Awaited<ReturnType<FindRouter>>;
  readonly channel: Channel;
}

process.once('message', async ({ router, ledger, validators, nowMs, beacon, known, channel }: NetworkPlace) => {
  const chain = {
    ...{ ledger, validators: () => validators, generations: () => [], beaconKeys: () => undefined },
    findByAddress: (address: Uint8Array) => validators.find((one) => equalBytes(one.address, address)),
    router: async () => known,
    channel: async () => channel,
  };
  const place = { chain, clock: { nowMs: () => nowMs }, beacons: { latest: () => beacon } };
  const { url } = await startGateway(place, router, {
    http: { maxRequests: 512, maxRequestsPerKey: 512, maxConnections: 1_024 },
    // As a daemon has them; tests want their verdicts at once, and failures soon.
    verdictIntervalMs: 2_000,
    ticketsAhead: 8,
    patience: {
      ...{ busyPatienceMs: 10_000, firstTokenTimeoutMs: 60_000 },
      ...{ idleTimeoutMs: 30_000, totalTimeoutMs: 600_000 },
    },
  });
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  // What it was since it was asked for before.
  process.on('message', () => {
    const toMs = (ns: number): number => ns / 1e6;
    const [p50Ms, p99Ms, mostMs] = [delays.percentile(50), delays.percentile(99), delays.max].map(toMs);
    delays.reset();
    process.send?.({ p50Ms, p99Ms, mostMs });
  });
  process.send?.({ url });
});
