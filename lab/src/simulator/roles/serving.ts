import { randomBytes } from 'node:crypto';
import type { TextEngine } from '@ogong/engine/interface/text';
import type { Engine } from '@ogong/engine/open-engine';
import { openAccounts } from '@ogong/gateway/books/accounts';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { createBeaconMemo } from '@ogong/gateway/buy/check/beacon-memo';
import { verifyWalked } from '@ogong/gateway/buy/check/walk-receipt';
import { createBlobFinder } from '@ogong/gateway/buy/fetch-blobs';
import { createGateway } from '@ogong/gateway/gateway';
import type { ServerBindings } from '@ogong/host/http/http-server';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool, type Peer } from '@ogong/host/link/link-pool';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { systemClock } from '@ogong/host/time/clock';
import { type BeaconView, createBeaconView } from '@ogong/host/views/beacon-view';
import { type ChainView, createChainView } from '@ogong/host/views/chain-view';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { OpenedSegments } from '@ogong/provider/provider/cohort/open-segments';
import { offerOf } from '@ogong/provider/provider/cohort/served-segments';
import { createProvider, type Provider } from '@ogong/provider/provider/provider';
import { beginMemory, createOpenings, type Openings, PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { createReports, VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { createVerifier, type Verifier } from '@ogong/provider/verifier/verifier';
import { createRouter, type Router } from '@ogong/router/router';
import { ROUTER_SCHEMA } from '@ogong/router/router-store';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import type { Attack } from '../../attackers/attack.ts';
import { bendCommit } from '../../attackers/draws/bend-commit.ts';
import { slabOf } from '../lies/lie-names.ts';
import { createSimulatedIdentity } from '../network/simulated-wire.ts';
import { createCheapHybridSigner, createCheapLedgerSigner } from '../world/cheap-crypto.ts';
import { drawBytes } from '../world/draws.ts';
import type { Disk } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { createDiskBlobs } from './pictures.ts';

export const MODEL_ID = 'ogong/verified/test/fake';
/** The client of a gateway. */
const CALLER = { id: 'simulate', budgetAtomic: undefined };
const UNIT = 10n ** 18n;
const PRICE = 2_000_000n;
const PORT = 7_200;
export const CONTEXT_SIZE = 512;
const WEB_PORT = 8_080;

type Role = 'provider' | 'verifier' | 'router' | 'gateway';
const NETS: Readonly<Record<Role, number>> = { provider: 2, verifier: 3, router: 4, gateway: 5 };
const FUNDS = 1_000_000n * UNIT;

/** Keys and places of a machine, from the seed and its name. */
export function placeOf({ seed, wire }: World, role: Role, index: number) {
  const name = `${role}-${index}`;
  const host = `10.${NETS[role]}.${index >> 8}.${index & 0xff}`;
  const certHash = drawBytes(seed, `${name} link`, 32);
  const peer: Peer = { endpoint: `${host}:${PORT}`, certHash };
  return {
    ...{ name, peer, bind: { host, port: PORT }, identity: createSimulatedIdentity(wire, certHash) },
    signer: createCheapHybridSigner(seed, name),
    account: createCheapLedgerSigner(seed, name),
  };
}

/** A verifier's payee is its provider's. */
export const payeeOf = (world: World, index: number): Uint8Array => placeOf(world, 'provider', index).account.address;
export const providerIdOf = (world: World, index: number): Uint8Array =>
  hashHybridKey(world.crypto, placeOf(world, 'provider', index).signer.publicKey);

/** Where clients reach a gateway. */
export const originOf = (gateway: number): string => `http://127.0.0.1:${WEB_PORT + gateway}`;

/** How many there are of each. */
export interface ServerCounts {
  readonly providers: number;
  readonly gateways: number;
  readonly routers: number;
  /** Names of providers whose payee has no stake: their verifiers are never drawn. */
  readonly unstaked?: readonly string[] | undefined;
  /** Names of providers whose keys hold nothing, where others hold a bond. Default: nobody holds any. */
  readonly newcomers?: readonly string[] | undefined;
  /** Providers of whole models have little priority, so that most orders go to cohorts. Default: all have the same stake. */
  readonly hasCohorts?: boolean | undefined;
}

const KEY_BOND = 100n * UNIT;
/** Of a provider's payee. Verifiers are drawn by it. */
const STAKE = 1_000n * UNIT;
/** Candidates for orders are drawn by priority stake. */
const WHOLE_PRIORITY = 20n * UNIT;

/** Sets the ledger's state before the first block: funds, stake, bonds of keys, routers. */
export function prepareLedger(world: World, counts: ServerCounts): void {
  const { ledger, crypto } = world;
  for (let i = 0; i < counts.providers; i++) {
    if (counts.unstaked?.includes(`provider-${i}`)) continue;
    const isWhole = counts.hasCohorts && slabOf(i, counts.providers) === undefined;
    ledger.stake(payeeOf(world, i), STAKE);
    ledger.prioritize(payeeOf(world, i), isWhole ? WHOLE_PRIORITY : STAKE);
  }
  for (let i = 0; i < counts.providers; i++) {
    if (counts.newcomers === undefined || counts.newcomers.includes(`provider-${i}`)) continue;
    ledger.bondKey(providerIdOf(world, i), payeeOf(world, i), KEY_BOND);
  }
  for (let i = 0; i < counts.gateways; i++) ledger.mint(placeOf(world, 'gateway', i).account.address, FUNDS);
  for (let i = 0; i < counts.routers; i++) {
    const router = placeOf(world, 'router', i);
    ledger.registerRouter(router.account.address, hashHybridKey(crypto, router.signer.publicKey));
  }
}

interface Views {
  readonly chain: ChainView;
  readonly links: LinkPool;
  readonly beacons: BeaconView;
}

/** Opens the views of chain and beacon that each daemon keeps reading. */
async function openViews(
  { connectChain, crypto, ledger: { deployment } }: World,
  { identity, account }: { readonly identity: LinkIdentity; readonly account: { readonly address: Uint8Array } },
): Promise<Views> {
  const chain = createChainView(
    { deployment, refreshMs: 5_000 },
    { connect: async () => connectChain(account.address), onError: () => undefined },
  );
  const links = createLinkPool({ identity, dialPolicy: 'any' });
  const beacons = createBeaconView({}, { crypto, chain, links, onError: () => undefined });
  await chain.refresh().catch(() => undefined);
  await beacons.refresh().catch(() => undefined);
  chain.start();
  beacons.start();
  return { chain, links, beacons };
}

/** @param weights 1 is the ordered model, other values are other models. @param error small noise that is hard to detect. */
export const createEngine = (weights: number, error?: number): TextEngine =>
  createFakeEngine({ contextSize: CONTEXT_SIZE, weights, ...(error === undefined ? {} : { error }) });

export interface ProviderPlace {
  readonly disk: Disk;
  readonly routers: number;
  /** The engine of its model, or the segments that it serves together with others. */
  readonly sold:
    | { readonly engine: Engine /** Default: PRICE. */; readonly priceAtomic?: bigint }
    | { readonly segments: Pick<OpenedSegments, 'shards' | 'leads'> };
  /** The parts of a dishonest one. */
  readonly attack?: Pick<Attack, 'bendReply' | 'openOpening'> | undefined;
}

/** The program of `ogong-provider serve`. */
export async function simulateProvider(
  world: World,
  index: number,
  { disk, routers, sold, attack }: ProviderPlace,
): Promise<Provider> {
  const place = placeOf(world, 'provider', index);
  const { chain, beacons } = await openViews(world, place);
  const store = disk.open('provider', PROVIDER_SCHEMA);
  beginMemory(store, { nowMs: systemClock.nowMs(), isKeyNew: true });
  const verifier = placeOf(world, 'verifier', index);
  const provider = createProvider(
    {
      bind: place.bind,
      ...('engine' in sold
        ? { offers: [{ modelId: MODEL_ID, pricePer1kAtomic: sold.priceAtomic ?? PRICE, engine: sold.engine }] }
        : { offers: sold.segments.leads.map(offerOf), segments: sold.segments }),
      routers: Array.from({ length: routers }, (_, i) => placeOf(world, 'router', i).peer),
      verifier: {
        endpoint: String(verifier.peer.endpoint),
        certHash: verifier.peer.certHash,
        keyHash: hashHybridKey(world.crypto, verifier.signer.publicKey),
      },
    },
    {
      ...{
        crypto: world.crypto,
        clock: systemClock,
        signer: place.signer,
        payee: place.account,
        identity: place.identity,
      },
      ...{ chain, beacons, store, log: world.logOf(place.name), metrics: createMetrics('provider') },
      blobs: createDiskBlobs(world.crypto, disk),
      readPayments: async (validator, fromBlock) =>
        (await chain.client()).paidTo(place.account.address, validator, fromBlock),
      ...(attack ? { commit: bendCommit(attack), openings: bendOpenings(store, attack) } : {}),
    },
  );
  await provider.start();
  return provider;
}

/** Replaces the openings of a provider's store with false ones. */
function bendOpenings(store: Store, { openOpening }: Pick<Attack, 'openOpening'>): Openings {
  const openings = createOpenings(createGroupCommit(store));
  if (openOpening === undefined) return openings;
  return {
    ...openings,
    async get(replyId) {
      const kept = await openings.get(replyId);
      return kept && { ...kept, bytes: await openOpening(kept.bytes) };
    },
  };
}

/** The program of `ogong-verifierd`. */
export async function simulateVerifier(world: World, index: number, disk: Disk, engine: Engine): Promise<Verifier> {
  const place = placeOf(world, 'verifier', index);
  const { chain } = await openViews(world, place);
  const store = disk.open('verifier', VERIFIER_SCHEMA);
  const verifier = createVerifier(
    { bind: place.bind, providers: [providerIdOf(world, index)] },
    {
      engines: [engine],
      ...{ crypto: world.crypto, clock: systemClock, signer: place.signer, identity: place.identity, chain },
      reports: createReports(store, createGroupCommit(store)),
      ...{ randomBytes, log: world.logOf(place.name), metrics: createMetrics('verifier') },
    },
  );
  await verifier.start();
  return verifier;
}

/** The program of `ogong-routerd`. */
export async function simulateRouter(world: World, index: number, disk: Disk): Promise<Router> {
  const place = placeOf(world, 'router', index);
  const { chain } = await openViews(world, place);
  const router = createRouter(
    { bind: place.bind, address: place.account.address },
    {
      ...{ crypto: world.crypto, clock: systemClock, signer: place.signer, identity: place.identity, chain },
      ...{ store: disk.open('router', ROUTER_SCHEMA), log: world.logOf(place.name), metrics: createMetrics('router') },
    },
  );
  await router.start();
  return router;
}

export interface SimulatedGateway {
  /** As a client's request to its port. */
  ask(path: string, body: object): Promise<Response>;
}

/** The program of `ogong-gatewayd`. Its app is called without a port, and its checks of receipts are made in the same process. */
export async function simulateGateway(
  world: World,
  index: number,
  { disk, router }: { readonly disk: Disk; readonly router: number },
): Promise<SimulatedGateway> {
  const place = placeOf(world, 'gateway', index);
  const { crypto } = world;
  const { chain, beacons, links } = await openViews(world, place);
  const verifyBeacon = createBeaconMemo();
  let fetch: ((request: Request, bindings: ServerBindings) => Response | Promise<Response>) | undefined;
  const gateway = createGateway(
    {
      routers: [placeOf(world, 'router', router).peer],
      http: {
        ...{
          bind: { host: '127.0.0.1', port: WEB_PORT + index },
          maxConnections: 256,
          headersTimeoutMs: 5_000,
          origins: [],
        },
        ...{ maxBodyBytes: 2 ** 20, bodyTimeoutMs: 5_000, heartbeatMs: 10_000, stopGraceMs: 200 },
        ...{ maxRequests: 64, maxRequestsPerKey: 64 },
      },
      spending: { maxPricePer1kAtomic: UNIT, depositAtomic: 100n * UNIT, allowanceAtomic: UNIT },
      patience: {
        ...{ busyPatienceMs: 2_000, firstTokenTimeoutMs: 10_000, idleTimeoutMs: 10_000, totalTimeoutMs: 60_000 },
      },
      receiptLifetimeMs: 86_400_000,
      verdictIntervalMs: 5_000,
    },
    {
      ...{
        chain,
        links,
        payer: place.account,
        beacon: beacons,
        books: createWorkStore(disk.open('gateway', GATEWAY_SCHEMA)),
      },
      accounts: {
        ...openAccounts(':memory:', () => 0),
        isEmpty: async () => false,
        find: async () => CALLER,
        renew: async () => CALLER,
      },
      ...{ logger: world.logOf(place.name), metrics: createMetrics('gateway') },
      checker: {
        start() {},
        check: ({ receipt, heldBlobs = [], readBlob, ...context }) =>
          verifyWalked(receipt, { crypto, verifyBeacon, blobs: createBlobFinder(heldBlobs), ...context }, readBlob),
        stop: async () => undefined,
      },
      openServer(app, { bind }) {
        fetch = app.fetch;
        const start = async (): Promise<void> => world.web.serve(originOf(index), (request) => app.fetch(request, {}));
        return { start, stop: async () => undefined, address: () => bind };
      },
    },
  );
  await gateway.start();
  return {
    async ask(path, body) {
      const headers = { 'content-type': 'application/json', authorization: 'Bearer simulate', host: '127.0.0.1' };
      const request = new Request(`http://127.0.0.1:8080${path}`, {
        ...{ method: 'POST', headers, body: JSON.stringify(body) },
      });
      return (fetch as NonNullable<typeof fetch>)(request, {});
    },
  };
}
