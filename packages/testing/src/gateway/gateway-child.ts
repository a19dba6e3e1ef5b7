// A gateway of a fake network, in a process of its own. See gateway-process.ts.

import { createAccounts } from '@ogong/gateway/books/accounts';
import { SHARED_SCHEMA } from '@ogong/gateway/books/open-books';
import { createGateway } from '@ogong/gateway/gateway';
import { Secret } from '@ogong/host/crypto/secret';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { openPostgresStore } from '@ogong/postgres/postgres-store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { fakePayer } from './fake-network.ts';
import { GATEWAY_FIXTURE_OPTIONS } from './gateway-fixture.ts';
import type { DatabaseCounts, GatewayTask } from './gateway-process.ts';

const schema = SHARED_SCHEMA;

const counts: DatabaseCounts = { trips: 0, waitedMs: 0, heldMs: 0, peers: 0 };

/** Records the number of known gateways. */
const noting = (books: WorkStore): WorkStore => ({
  ...books,
  async listPeers() {
    const found = await books.listPeers();
    counts.peers = found.all.length;
    return found;
  },
});

const openBooks = async ({ database }: GatewayTask): Promise<WorkStore> =>
  'path' in database
    ? createWorkStore(openStore(database.path, { schema }))
    : openPostgresStore({
        ...{ url: database.url, password: new Secret(database.password), schema },
        onTrip: () => void counts.trips++,
        onTurn(waitedMs, heldMs) {
          counts.waitedMs += waitedMs;
          counts.heldMs += heldMs;
        },
      });

process.once('message', (message) => void start(message as GatewayTask));

async function start(task: GatewayTask): Promise<void> {
  const books = noting(await openBooks(task));
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(new Uint8Array(32).fill(1))),
    dialPolicy: 'any',
  });
  const nowMs = (): number => Date.now() + task.aheadMs;
  const gateway = createGateway(
    { ...GATEWAY_FIXTURE_OPTIONS, verdictIntervalMs: task.verdictIntervalMs, routers: [task.router] },
    {
      books,
      links,
      payer: fakePayer,
      clock: { nowMs },
      accounts: createAccounts(books, nowMs),
      beacon: { latest: () => task.beacon },
      chain: {
        ...{ ledger: task.ledger, network: task.network, validators: () => task.validators, generations: () => [] },
        findByAddress: (address) => task.validators.find((validator) => equalBytes(validator.address, address)),
        channel: async () => task.channel,
        router: async () => ({ ticketKey: task.ticketKey, sinceMs: 0, untilMs: undefined }),
        client: () => Promise.reject(new Error('there is no chain here')),
      },
      logger: createLogger({ name: 'gateway', level: 'fatal' }),
      metrics: createMetrics('gateway'),
    },
  );
  await gateway.start();
  process.once('SIGTERM', () => {
    void gateway
      .stop()
      .then(() => books.close())
      .then(() => process.exit(0));
  });
  process.on('message', (message) => {
    if (message === 'counts') process.send?.(counts);
  });
  process.send?.(`http://127.0.0.1:${gateway.address().port}`);
}
