import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { openAccounts } from '@ogong/gateway/books/accounts';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { checkReceipt } from '@ogong/gateway/buy/check/check-receipt';
import type { ReceiptChecker } from '@ogong/gateway/buy/check/receipt-checker';
import { signForWallet } from '@ogong/gateway/buy/paying-signer';
import { createGateway, type Gateway } from '@ogong/gateway/gateway';
import { createGatewayMemories, type GatewayMemories, type GatewayMemoryMeans } from '@ogong/gateway/gateway-memory';
import type { GatewayChain, GatewayDependencies, GatewayOptions } from '@ogong/gateway/gateway-options';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { readDefaultTable } from '@ogong/host/drift-table/default-table';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type Peer } from '@ogong/host/link/link-pool';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import { openStore, type Store } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { HubChain } from '../hub/hub-chain.ts';
import { MAX_MESSAGE_BYTES } from '../network/loopback-server.ts';
import { createFakeNetwork, type FakeNetwork, fakePayer, type ProviderBehaviour } from './fake-network.ts';

/** A gateway on a loopback port, over a fake network. */
export interface GatewayFixture {
  readonly network: FakeNetwork;
  readonly gateway: Gateway;
  readonly store: Store;
  readonly books: WorkStore;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly directory: string;
  /** Lines of the log, level `info` and above. */
  readonly log: string[];
  /** Recorded steps of replies. */
  readonly steps: ReplySteps;
  close(): Promise<void>;
}

export interface FixtureOptions {
  readonly providers?: readonly ProviderBehaviour[];
  readonly options?: { readonly [Group in 'http' | 'patience' | 'spending']?: Partial<GatewayOptions[Group]> };
  /** Checker of its receipts. Default: one in this process. */
  readonly checker?: GatewayDependencies['checker'];
  /** Default: milestones are checked as they come. */
  readonly milestonePauseMs?: number;
  /** Default: no request is hedged. */
  readonly hedging?: GatewayOptions['hedging'];
  /** The longest expected time of an order of a picture. Default: that of the longest order. */
  readonly longestOrderMs?: number;
  /** Number of tickets fetched before their requests come. Default: none. */
  readonly ticketsAhead?: number;
  /** Returns the gateway's routers from the network's own. Default: that one. */
  readonly routers?: (own: Peer) => readonly Peer[];
  /** Drift table of the gateway. Default: that of this release. */
  readonly driftTable?: GatewayOptions['readDriftTable'];
  /** Payments of callers without a key, and their chain. */
  readonly payments?: { readonly options: GatewayOptions['payments']; readonly client: GatewayChain['client'] };
  /** The contracts of the network, and a client that reads its hub. Default: the gateway does not read the hub. */
  readonly hub?: { readonly deployment: Deployment; readonly client: HubChain['client'] };
  /** Account for deposits of organisations. */
  readonly deposits?: GatewayOptions['deposits'];
  /** Memories of the holders of keys. Default: none are kept. */
  readonly memories?: GatewayMemoryMeans | GatewayMemories;
  /** Accepted machines, and the roles that must show one. */
  readonly machines?: Pick<GatewayOptions, 'machinePolicy' | 'demandedRoles'>;
  /** The one model on offer. Default: FAKE_MODEL. */
  readonly model?: string;
  /** Modalities that the router lists it under. Default: all. */
  readonly modalities?: readonly string[];
  /** Path of a file of accounts. */
  readonly keysPath?: string;
  /** Source of nonces and of the choice of a validator, in [0, 1). Default: the system. */
  readonly random?: () => number;
  /** Clock of gateway and network. Default: the system's. */
  readonly clock?: Clock;
  /** The account that pays with the gateway's key, and its limit. Default: the key's own account. */
  readonly wallet?: { readonly address: Uint8Array; readonly limitAtomic: bigint };
}

/** Checks receipts in this process, by the code that the checker's process runs. */
export const localChecker: ReceiptChecker = {
  start: () => undefined,
  check: ({ readBlob, ...job }) => checkReceipt(job, readBlob),
  stop: async () => undefined,
};

export async function createGatewayFixture(given: FixtureOptions = {}): Promise<GatewayFixture> {
  const { wallet } = given;
  const limitOf = (payer: Uint8Array) => (wallet && equalBytes(payer, wallet.address) ? wallet.limitAtomic : undefined);
  const network = await createFakeNetwork(given.providers, {
    ...(wallet && { orderKeys: { limitOf } }),
    clock: given.clock,
    model: given.model,
    modalities: given.modalities,
  });
  const directory = mkdtempSync(join(tmpdir(), 'ogong-gateway-'));
  const store = openStore(join(directory, 'gateway.db'), { schema: GATEWAY_SCHEMA });
  const books = createWorkStore(store);
  const identity = createLinkIdentity(new Secret(new Uint8Array(32).fill(1)));
  const limits = { maxMessageBytes: MAX_MESSAGE_BYTES };
  const links = createLinkPool({ identity, dialPolicy: 'any', limits });
  const accounts = openAccounts(given.keysPath ?? ':memory:', Date.now);
  const log: string[] = [];
  const metrics = createMetrics('gateway');
  const gateway = createGateway(
    {
      ...GATEWAY_FIXTURE_OPTIONS,
      readDriftTable: given.driftTable ?? (() => readDefaultTable(nodeCrypto)),
      routers: given.routers?.(network.router) ?? [network.router],
      http: { ...GATEWAY_FIXTURE_OPTIONS.http, ...given.options?.http },
      spending: { ...GATEWAY_FIXTURE_OPTIONS.spending, ...given.options?.spending },
      patience: { ...GATEWAY_FIXTURE_OPTIONS.patience, ...given.options?.patience },
      milestonePauseMs: given.milestonePauseMs ?? 0,
      ...(given.longestOrderMs !== undefined && { longestOrderMs: given.longestOrderMs }),
      ...(given.ticketsAhead !== undefined && { ticketsAhead: given.ticketsAhead }),
      ...(given.hedging && { hedging: given.hedging }),
      ...(given.deposits && { deposits: given.deposits }),
      ...(given.hub && { network: { deployment: given.hub.deployment, rpcUrl: undefined } }),
      ...given.machines,
      ...(given.payments?.options && { payments: given.payments.options }),
    },
    {
      books,
      chain: {
        ...network.chain,
        ...(given.payments && { client: given.payments.client }),
        ...(given.hub && { client: async () => given.hub?.client as ChainClient }),
        ...(wallet && { client: async () => ({ keyLimitOf: async () => wallet.limitAtomic }) as never }),
      },
      beacon: network.beacon,
      links,
      payer: wallet ? signForWallet(wallet.address, fakePayer) : fakePayer,
      accounts,
      logger: createLogger({ name: 'gateway', destination: { write: (line) => log.push(line) } }),
      metrics,
      memories: given.memories && ('store' in given.memories ? createGatewayMemories(given.memories) : given.memories),
      checker: given.checker ?? localChecker,
      ...(given.clock && { clock: given.clock }),
      ...(given.random && { random: given.random, randomBytes: drawBytes(given.random) }),
    },
  );
  await gateway.start();
  return {
    network,
    gateway,
    store,
    books,
    url: `http://127.0.0.1:${gateway.address().port}`,
    directory,
    log,
    steps: metrics.steps,
    async close() {
      await gateway.stop();
      links.close();
      await books.close();
      store.close();
      await accounts.close();
      await network.close();
      rmSync(directory, { recursive: true });
    },
  };
}

export const GATEWAY_FIXTURE_OPTIONS: Omit<GatewayOptions, 'routers'> = {
  http: {
    bind: { host: '127.0.0.1', port: 0 },
    maxConnections: 256,
    // A client without processor time is not slow. Tests of slow clients set their own limit.
    headersTimeoutMs: 60_000,
    maxBodyBytes: 1024 * 1024,
    maxMediaBytes: 16 * 1024 * 1024,
    bodyTimeoutMs: 60_000,
    heartbeatMs: 10_000,
    maxRequests: 64,
    maxRequestsPerKey: 64,
    origins: [],
    stopGraceMs: 200,
  },
  spending: { maxPricePer1kAtomic: 10n ** 18n, depositAtomic: 0n, allowanceAtomic: 0n },
  patience: {
    busyPatienceMs: 2_000,
    // The same for providers, which run in the same process.
    firstTokenTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    totalTimeoutMs: 120_000,
  },
  receiptLifetimeMs: 3_600_000,
  verdictIntervalMs: 100,
};

const drawBytes =
  (random: () => number) =>
  (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => Math.floor(random() * 256));
