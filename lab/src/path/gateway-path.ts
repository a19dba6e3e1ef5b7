import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAccounts } from '@ogong/gateway/books/accounts';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { createGateway } from '@ogong/gateway/gateway';
import type { GatewayDependencies, GatewayOptions } from '@ogong/gateway/gateway-options';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkPool, type Peer } from '@ogong/host/link/link-pool';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createLogSync } from '@ogong/host/store/log-sync';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import type { ServedOffer } from '@ogong/provider/provider/orders/offers';
import { createRouter } from '@ogong/router/router';
import { ROUTER_SCHEMA } from '@ogong/router/router-store';
import type { Trust } from '@ogong/sdk';
import { GATEWAY_FIXTURE_OPTIONS } from '@ogong/testing/gateway/gateway-fixture';
import { noClient } from '@ogong/testing/network/fixed-chain';
import { createNamedIdentity, LOOPBACK } from '@ogong/testing/network/loopback-server';
import { ledger, network, payer } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { startProvider } from './path-provider.ts';
import { type PathValidator, startValidator } from './path-validator.ts';

export interface GatewayPath {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** All that its receipts are checked against. */
  readonly trust: Trust;
  /** Clock of the path. It stands still and gives the age of signed statements. */
  readonly nowMs: () => number;
  close(): Promise<void>;
}

const log = createLogger({ name: 'test', level: 'silent' });

/** Gateway, router, one validator and one provider over real links, on one clock and without a chain. The caller closes the engines. */
export async function openGatewayPath(offers: readonly ServedOffer[]): Promise<GatewayPath> {
  const validator = await startValidator();
  const router = await startRouter(validator);
  const provider = await startProvider('provider', { offers, validator, routers: [router.peer] });
  const gateway = await startGateway(validator, router.peer);
  return {
    url: gateway.url,
    trust: {
      ...{ ledger, settlement: network.settlement, validators: validator.chain.validators(), routers: [router.id] },
      modelRoots: Object.fromEntries(offers.map(({ modelId, engine }) => [modelId, engine.info().modelRoot])),
    },
    nowMs: () => validator.clock.nowMs(),
    async close() {
      await gateway.close();
      await provider.close();
      await router.close();
      await validator.close();
    },
  };
}

export async function startRouter({ chain, clock }: Pick<PathValidator, 'chain' | 'clock'>) {
  const identity = await createNamedIdentity('router');
  const store = openStore(':memory:', { schema: ROUTER_SCHEMA });
  const router = createRouter(
    { bind: LOOPBACK, address: new Uint8Array(20).fill(5) },
    {
      ...{ crypto, clock, identity, store, log, signer: createTestHybrid('router') },
      chain: {
        ...chain,
        network,
        client: noClient,
        readBeaconKeys: async () => undefined,
      },
      metrics: createMetrics('router'),
    },
  );
  await router.start();
  const peer: Peer = { endpoint: formatHostPort(router.address()), certHash: identity.id };
  return {
    ...{ id: router.id, peer },
    async close() {
      await router.stop(0);
      store.close();
    },
  };
}

/** Views of a network that a gateway reads. */
export interface GatewayView {
  readonly clock: Clock;
  readonly beacons: GatewayDependencies['beacon'];
  readonly chain: Omit<GatewayDependencies['chain'], 'network' | 'client'>;
}

/** @param given where it differs from what the tests need. */
export async function startGateway(
  { chain, clock, beacons }: GatewayView,
  router: Peer,
  { http, ...given }: Partial<Omit<GatewayOptions, 'http'>> & { readonly http?: Partial<GatewayOptions['http']> } = {},
) {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-gateway-'));
  const store = openStore(join(directory, 'gateway.db'), { schema: GATEWAY_SCHEMA });
  const books = createWorkStore(store, { clock: monotonicClock, log: createLogSync(store) });
  const accounts = openAccounts(join(directory, 'accounts.db'), Date.now);
  const links = createLinkPool({ identity: await createNamedIdentity('gateway'), dialPolicy: 'any' });
  const gateway = createGateway(
    { ...GATEWAY_FIXTURE_OPTIONS, ...given, routers: [router], http: { ...GATEWAY_FIXTURE_OPTIONS.http, ...http } },
    {
      ...{
        books,
        clock,
        links,
        payer,
        beacon: beacons,
        logger: log,
      },
      chain: { ...chain, network, client: noClient },
      accounts,
      metrics: createMetrics('gateway'),
    },
  );
  await gateway.start();
  return {
    url: `http://127.0.0.1:${gateway.address().port}`,
    store,
    async close() {
      await gateway.stop();
      links.close();
      await accounts.close();
      await books.close();
      store.close();
      rmSync(directory, { recursive: true });
    },
  };
}
