import { join } from 'node:path';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import { createHttpServer } from '@ogong/host/http/http-server';
import type { HostPort } from '@ogong/host/link/host-port';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { monotonicClock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createPinMetrics } from '../pins/pin-metrics.ts';
import type { PinChain, PinParts, PinSettings } from '../pins/pin-parts.ts';
import { openPinStore } from '../pins/pin-store.ts';
import { createPinTrees } from '../pins/pin-trees.ts';
import { createPinProver } from '../pins/prove-pins.ts';
import { reviewOffers } from '../pins/review-offers.ts';

import { createPinFetcher, type PinFetcherOptions } from './fetch-pinned.ts';
import { createPacer } from './pacer.ts';
import { createPlaceApp } from './place-app.ts';

const HEADERS_TIMEOUT_MS = 10_000;
/** Exchanges that run when the daemon stops have so long to end. */
const GRACE_MS = 2_000;

export interface PinService extends PinSettings, Pick<PinFetcherOptions, 'env' | 'dialPolicy'> {
  readonly chain: PinChain;
  /** First block that can have an offer. */
  readonly firstBlock: bigint;
  /** Places from which blobs of offers are fetched, or beginnings of them. None: any place but one on plain HTTP, without keys. */
  readonly places: readonly string[];
  readonly pollMs: number;
}

export interface StoredOptions {
  readonly bind: HostPort;
  readonly dataDir: string;
  /** Folder of the store. Default: one in the data directory. */
  readonly store?: string | undefined;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Served to all together. */
  readonly bytesPerSecond: number;
  /** Absent: no pins are accepted. */
  readonly pins?: PinService | undefined;
}

export interface StoredParts {
  readonly crypto: Pick<Crypto, 'keccak256'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: Metrics;
}

/** A storage provider: a place over HTTP, and the work on its pins. */
export function createStored(options: StoredOptions, { crypto, log, metrics }: StoredParts) {
  const { dataDir, bind, maxConnections, maxConnectionsPerAddress } = options;
  makePrivateDirectory(dataDir);
  const store = openFolderStore(options.store ?? join(dataDir, 'store'));
  const sent = metrics.counter('served_bytes_total', 'Bytes that the place has sent', ['folder']);
  const app = createPlaceApp({
    store,
    pacer: createPacer(options.bytesPerSecond, monotonicClock),
    onSent: (folder, bytes) => sent.inc({ folder }, bytes),
  });
  const server = createHttpServer(app, {
    ...{ bind, maxConnections, maxConnectionsPerAddress, headersTimeoutMs: HEADERS_TIMEOUT_MS },
  });
  const loops = options.pins ? createPinLoops(options.pins, { dataDir, store, crypto, log, metrics }) : [];
  return {
    async start(): Promise<void> {
      await server.start();
      for (const loop of loops) loop.start();
    },
    async stop(): Promise<void> {
      await Promise.all([...loops.map((loop) => loop.stop()), server.stop(GRACE_MS)]);
    },
    address: () => server.address(),
  };
}

interface LoopParts extends StoredParts {
  readonly dataDir: string;
  readonly store: FolderStore;
}

/** Offers may take hours to fetch, so proofs have a loop of their own. */
function createPinLoops(pins: PinService, { dataDir, store, crypto, log, metrics }: LoopParts) {
  const { chain, firstBlock, places: allowed, env, dialPolicy, pollMs: intervalMs } = pins;
  const parts: PinParts = {
    ...{ crypto, chain, store, log },
    ...createPinFetcher({ store, allowed, env, dialPolicy, folder: join(dataDir, 'services') }),
    trees: createPinTrees(join(dataDir, 'trees'), store, monotonicClock),
    pinStore: openPinStore(join(dataDir, 'pins.json'), firstBlock),
    metrics: createPinMetrics(metrics),
  };
  const prover = createPinProver(pins, parts);
  const warn = (err: unknown): void => log.warn({ err }, 'the work on pins continues at the next look');
  return [
    createRepeating({ intervalMs }, (signal) => reviewOffers(pins, parts, signal), warn),
    createRepeating({ intervalMs }, prover.proveDue, warn),
  ];
}
