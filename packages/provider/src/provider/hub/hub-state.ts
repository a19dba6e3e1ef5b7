import type { Logger } from '@ogong/host/log/logger';
import type { Clock } from '@ogong/host/time/clock';
import type { OpenPlace } from '@ogong/hub/named/open-place';
import type { RegistryEntry } from '@ogong/hub/named/registry-entry';
import type { HubPlace } from '@ogong/hub/place';
import type { PlaceServices } from '@ogong/hub/place-address';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { OnDemandEngine, OnDemandPool } from '../../engine/open-on-demand-models.ts';
import type { HeldModels } from '../../hub/held-models.ts';
import type { ServedOffer } from '../orders/offers.ts';
import type { Provider } from '../provider.ts';
import type { Downloads } from './downloads.ts';
import type { WantedModel } from './wanted-models.ts';

export interface HubServingOptions {
  /** Disk for all models of the hub, in bytes. */
  readonly budgetBytes: number;
  /** Tiers whose demand is met. */
  readonly tiers: readonly string[];
  /** SPDX ids of the licences that are taken. */
  readonly licences: readonly string[];
  /** Places that are asked before those of the registry. */
  readonly places: readonly HubPlace[];
  /** Services that show places of other kinds than HTTP servers and folders. */
  readonly services: PlaceServices;
  /** Pause between two looks at the demand. */
  readonly intervalMs: number;
  /** How long a model stays after its last order. */
  readonly stayMs: number;
}

export interface HubServingDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** The provider's own: files of no held model are removed from it. */
  readonly store: FolderStore;
  readonly held: HeldModels;
  readonly provider: Pick<Provider, 'addOffer' | 'endOffer' | 'offered'>;
  readonly pool: Pick<OnDemandPool, 'open' | 'drop'>;
  /** Returns the demand of the routers, the most wanted model first. Never throws. */
  readonly readDemand: (signal: AbortSignal) => Promise<readonly WantedModel[]>;
  /** Opens places of the registry and of the operator. Default: HTTP servers, wherever they lead, and folders. */
  readonly openPlace?: OpenPlace | undefined;
  /** Reads the registry. @throws TransferError, ChainError */
  readonly readEntry: (name: { readonly maker: string; readonly model: string }) => Promise<RegistryEntry>;
  /** Returns the memory for one model, in bytes. */
  readonly readMemory: () => number;
  /** Waits until the provider's own verifier has a model. @throws Error if it has not in time. Absent: the provider has no verifier. */
  readonly awaitVerifier?: ((modelRoot: Uint8Array, signal: AbortSignal) => Promise<void>) | undefined;
  /** Completes an offer with its price. */
  readonly toOffer: (modelId: string, opened: OnDemandEngine) => ServedOffer;
}

/** The state that the steps of serving from the hub work on. */
export interface HubState extends HubServingOptions, HubServingDependencies {
  /** References of the models that are offered, by model id. */
  readonly opened: Map<string, string>;
  /** Times until which a model that could not be served is not tried again, by model id. */
  readonly pauses: Map<string, number>;
  /** Downloads of the last while, those of models that have gone too. */
  readonly downloads: Downloads;
  /** Failures in a row of models whose files are kept, by model id. */
  readonly failures: Map<string, number>;
}
