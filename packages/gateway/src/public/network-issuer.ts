import type { Deployment } from '@ogong/chain/deployment';
import { ApiError } from '@ogong/host/http/api-error';
import { formatHostPort } from '@ogong/host/link/host-port';
import type { Peer } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import type { EarningsView } from '@ogong/host/views/earnings-view';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { ModelDemand, ModelSupply } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  MAX_NETWORK_LIFETIME_MS,
  MAX_NETWORK_MODELS,
  MAX_NETWORK_PEERS,
  type NetworkModel,
  type NetworkPeer,
  type SignedNetwork,
  signNetwork,
} from '@ogong/protocol/network/network-document';
import type { Routers } from '../buy/match/routers.ts';
import { createMemo } from '../front/memo.ts';
import type { PublicReader } from './public-reader.ts';

export interface NetworkIssuerOptions {
  readonly deployment: Deployment;
  /** Address of the chain for everybody. Default: none is named. */
  readonly rpcUrl: string | undefined;
  readonly routers: readonly Peer[];
  /** Places of weights by model id, as `--model` takes them. Default: none is known. */
  readonly sources?: ReadonlyMap<string, string>;
}

/** Issues the signed document of a network (docs/spec/network.md). */
export interface NetworkIssuer {
  /** @throws ApiError while no router answers, or the chain cannot be read. */
  issue(): Promise<SignedNetwork>;
}

const LIFETIME_MS = MAX_NETWORK_LIFETIME_MS / 24;
const FRESH_MS = 30_000;
const ASK_TIMEOUT_MS = 5_000;
/** Models whose offers are read. */
const MOST_PRICED = 64;

export function createNetworkIssuer(
  { deployment, rpcUrl, routers: peers, sources = new Map() }: NetworkIssuerOptions,
  {
    signer,
    routers,
    reader,
    earnings,
    clock,
  }: {
    readonly signer: HybridSigner;
    readonly routers: Pick<Routers, 'to' | 'first' | 'all'>;
    readonly reader: Pick<PublicReader, 'listModels' | 'listOffers'>;
    readonly earnings: Pick<EarningsView, 'readHolding'>;
    readonly clock: Clock;
  },
): NetworkIssuer {
  const issued = createMemo<SignedNetwork>({ capacity: 1, lifetimeMs: () => FRESH_MS }, clock);
  const limits = { timeoutMs: ASK_TIMEOUT_MS };

  async function listRelays(): Promise<readonly NetworkPeer[]> {
    const named = await routers.all((router) => routers.to(router).listRelays({}, limits));
    const byEndpoint = new Map(named.flatMap(({ relays }) => relays).map((relay) => [relay.endpoint, relay]));
    return [...byEndpoint.values()]
      .filter(({ endpoint, certHash }) => endpoint.length > 0 && certHash.length === 32)
      .slice(0, MAX_NETWORK_PEERS)
      .map(({ endpoint, certHash }) => ({ endpoint, certHash }));
  }

  /** Demand is a help for the choice of a model, so a router that lists none delays nothing. */
  async function listDemand(): Promise<readonly ModelDemand[]> {
    const ask = routers.first((router) => routers.to(router).listDemand({ limit: MAX_NETWORK_MODELS }, limits));
    return (await ask.catch(() => ({ models: [] }))).models;
  }

  async function describeSupply(supply: ModelSupply, isPriced: boolean): Promise<NetworkModel> {
    const all = isPriced ? await reader.listOffers(supply.model).catch(() => []) : [];
    const offers = all.filter(({ modelRoot }) => Buffer.compare(modelRoot, supply.modelRoot) === 0);
    // A stranger could make many keys, and set the price of everybody who joins.
    const staked = offers.filter(({ stakeTokens }) => stakeTokens > 0n);
    const prices = (staked.length > 0 ? staked : offers)
      .map(({ pricePer1k }) => pricePer1k)
      .sort((a, b) => (a < b ? -1 : Number(a > b)));
    const sum = (count: (offer: (typeof offers)[number]) => number): number =>
      offers.reduce((total, offer) => total + count(offer), 0);
    return {
      ...{ id: supply.model, modelRoot: supply.modelRoot, modality: supply.modality },
      source: sources.get(supply.model) ?? '',
      pricePer1kAtomic: prices[(prices.length - 1) >> 1] ?? supply.minPricePer1k,
      contextSize: supply.contextSize,
      ...{ providers: supply.providers, verifiers: supply.verifiers, stakedVerifiers: supply.stakedVerifiers },
      slots: sum(({ capacity }) => capacity),
      freeSlots: sum(({ capacity, freeCapacity }) => Math.min(capacity, freeCapacity)),
      ...{ milliTokensPerSecond: supply.milliTokensPerSecond, milliDemand: 0 },
    };
  }

  async function listModels(): Promise<readonly NetworkModel[]> {
    const [supplies, demands] = await Promise.all([reader.listModels(), listDemand()]);
    const served = new Map<string, ModelSupply>();
    for (const supply of supplies) {
      const known = served.get(supply.model);
      if (known === undefined || known.providers < supply.providers) served.set(supply.model, supply);
    }
    const models = new Map<string, NetworkModel>();
    for (const [i, supply] of [...served.values()].slice(0, MAX_NETWORK_MODELS).entries())
      models.set(supply.model, await describeSupply(supply, i < MOST_PRICED));
    for (const demand of demands) {
      const known = models.get(demand.model);
      if (known === undefined && models.size >= MAX_NETWORK_MODELS) break;
      const unserved = describeUnserved(demand, sources);
      models.set(demand.model, known ? { ...known, milliDemand: demand.milliWeight } : unserved);
    }
    return [...models.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async function read(): Promise<SignedNetwork> {
    const [models, relays, holding] = await Promise.all([listModels(), listRelays(), readHolding()]);
    const issuedAtMs = clock.nowMs();
    return signNetwork(signer, {
      ...{ issuedAtMs, expiresAtMs: issuedAtMs + LIFETIME_MS },
      deployment: JSON.stringify({ ...deployment, rpcUrl }),
      parameters: { periodSeconds: holding.period, entranceAtomic: holding.entrance },
      routers: peers.slice(0, MAX_NETWORK_PEERS).map(({ endpoint, certHash }) => ({
        endpoint: typeof endpoint === 'string' ? endpoint : formatHostPort(endpoint),
        certHash,
      })),
      ...{ relays, models },
    });
  }

  const readHolding = () =>
    earnings.readHolding().catch((cause: unknown) => {
      throw new ApiError('chain_unreachable', 'The chain cannot be read; try again later.', { cause, retryAfterS: 5 });
    });

  return { issue: () => issued('', read) };
}

const describeUnserved = (
  { model, milliWeight, verifiers }: ModelDemand,
  sources: ReadonlyMap<string, string>,
): NetworkModel => ({
  ...{ id: model, modelRoot: new Uint8Array(32), modality: '', source: sources.get(model) ?? '' },
  ...{ pricePer1kAtomic: 0n, contextSize: 0, providers: 0, verifiers, stakedVerifiers: 0 },
  ...{ slots: 0, freeSlots: 0, milliTokensPerSecond: 0, milliDemand: milliWeight },
});
