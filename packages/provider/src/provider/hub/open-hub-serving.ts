import { join } from 'node:path';
import { readAvailableMemory } from '@ogong/engine/llama-cpp/device/memory';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import { toCheckedFetch } from '@ogong/host/http/checked-fetch';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { DialPolicy } from '@ogong/host/link/public-address';
import type { Logger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import type { Repeating } from '@ogong/host/time/repeat';
import { type RegistryReads, readRegistryEntry } from '@ogong/hub/named/registry-entry';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import type { VerifierEndpoint } from '@ogong/protocol/exchange/announcement';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { OnDemandPool } from '../../engine/open-on-demand-models.ts';
import { HELD_FILE, openHeldModels } from '../../hub/held-models.ts';
import type { ServedOffer } from '../orders/offers.ts';
import type { Provider } from '../provider.ts';
import { createVerifierWait } from './await-verifier.ts';
import { createHubServing } from './hub-serving.ts';
import { createPlaceOpener } from './place-opener.ts';
import type { PlannedHub } from './planned-hub.ts';
import { combineDemand, MAX_READ_ROWS, readDemand, type WantedModel } from './wanted-models.ts';

const ASK_TIMEOUT_MS = 5_000;

export interface HubDaemonSettings {
  readonly dataDir: string;
  readonly openingTtl: number;
  readonly memoryBudget?: number | undefined;
}

export interface HubDaemonDependencies {
  readonly provider: Provider;
  readonly pool: OnDemandPool;
  readonly routers: readonly Peer[];
  /** The provider's own. */
  readonly verifier: VerifierEndpoint | undefined;
  readonly links: LinkPool;
  /** For places that the registry names. */
  readonly dialPolicy: DialPolicy;
  readonly chain: { client(): Promise<RegistryReads> };
  /** The chain and the model registry on it. */
  readonly registry: LedgerDomain;
  readonly log: Logger;
  /** Completes an offer with terms that all models have. */
  readonly finishOffer: (offer: ServedOffer) => ServedOffer;
}

/** Opens the part of a daemon that serves models of the hub. Its store is `hub` in the data directory. */
export function openHubServing(
  planned: PlannedHub,
  { dataDir, openingTtl, memoryBudget }: HubDaemonSettings,
  { provider, pool, routers, verifier, links, dialPolicy, chain, registry, log, finishOffer }: HubDaemonDependencies,
): Repeating {
  const directory = join(dataDir, 'hub');
  makePrivateDirectory(directory);
  const { pricePer1kAtomic } = planned;
  return createHubServing(
    { ...planned, stayMs: openingTtl },
    {
      ...{ crypto: nodeCrypto, clock: systemClock, log, provider, pool },
      store: openFolderStore(directory),
      held: openHeldModels(join(directory, HELD_FILE)),
      readDemand: (signal) => askDemand(routers, { links, log, signal, hasVerifier: verifier !== undefined }),
      awaitVerifier: verifier && createVerifierWait({ verifier, providerId: provider.id }, { links }),
      openPlace: createPlaceOpener({
        own: planned.places,
        services: planned.services,
        fetch: toCheckedFetch(dialPolicy),
      }),
      readEntry: async (name) => readRegistryEntry(await chain.client(), registry, name),
      readMemory: () => memoryBudget ?? readAvailableMemory(),
      toOffer: (modelId, opened) => finishOffer({ modelId, pricePer1kAtomic, ...opened }),
    },
  );
}

async function askDemand(
  routers: readonly Peer[],
  {
    links,
    log,
    signal,
    hasVerifier,
  }: {
    readonly links: LinkPool;
    readonly log: Logger;
    readonly signal: AbortSignal;
    readonly hasVerifier: boolean;
  },
): Promise<readonly WantedModel[]> {
  const ask = async (router: Peer): Promise<ReadonlyMap<string, number> | undefined> => {
    try {
      const call = { timeoutMs: ASK_TIMEOUT_MS, signal };
      const answer = await links.to(RouterService, router).listDemand({ limit: MAX_READ_ROWS }, call);
      return readDemand(answer, { hasVerifier });
    } catch (err) {
      log.warn({ err, router: router.endpoint }, 'a router does not say which models are wanted');
      return undefined;
    }
  };
  return combineDemand(await Promise.all(routers.map(ask)));
}
