// A gateway in a process of its own, with the process that checks its receipts below it.
import type { Peer } from '@ogong/host/link/link-pool';
import { startGateway } from '../path/gateway-path.ts';
import { answerAsks } from './answer-asks.ts';
import { type NetworkPlace, openNetworkView } from './network-view.ts';

export interface LoadedGateway {
  readonly place: NetworkPlace;
  readonly router: Peer;
  /** Default: as long as tests need them. */
  readonly receiptLifetimeMs?: number;
}

process.once('message', async ({ place, router, receiptLifetimeMs }: LoadedGateway) => {
  const { url, store } = await startGateway(openNetworkView(place), router, {
    http: { maxRequests: 512, maxRequestsPerKey: 512, maxConnections: 1_024 },
    // As a daemon has them; tests want their verdicts at once, and failures soon.
    verdictIntervalMs: 2_000,
    ticketsAhead: 8,
    patience: {
      ...{ busyPatienceMs: 10_000, firstTokenTimeoutMs: 60_000 },
      ...{ idleTimeoutMs: 30_000, totalTimeoutMs: 600_000 },
    },
    ...(receiptLifetimeMs !== undefined && { receiptLifetimeMs }),
  });
  const count = (sql: string): unknown => store.prepare(sql).get()?.n;
  answerAsks({
    books: () => ({
      orders: count('SELECT count(*) AS n FROM orders'),
      open: count("SELECT count(*) AS n FROM orders WHERE state = 'open'"),
      receipts: count('SELECT count(*) AS n FROM receipts'),
    }),
  });
  process.send?.({ url });
});
