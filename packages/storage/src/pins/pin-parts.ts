import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import type { Logger } from '@ogong/host/log/logger';
import type { BlobId } from '@ogong/hub/store/blob-store';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { removeUnnamedManifest } from './offered-manifest.ts';
import type { PinMetrics } from './pin-metrics.ts';
import type { KeptPin, PinStore } from './pin-store.ts';
import type { PinTerms } from './pin-terms.ts';
import type { PinTrees } from './pin-trees.ts';

/** The calls of a chain client that a storage provider needs. */
export type PinChain = Pick<
  ChainClient,
  'acceptPin' | 'blockHashOf' | 'claimPinCredit' | 'headBlock' | 'listPins' | 'pinCreditOf' | 'pinOf' | 'provePin'
>;

export interface PinSettings {
  /** The provider's account. */
  readonly account: Address;
  readonly terms: PinTerms;
  /** Credit is claimed when it reaches this amount, atomic units. */
  readonly claimLeast: bigint;
}

/** Blob of an offer, and the place that has it. The payer can name a manifest before the place (docs/spec/pins.md#offer). */
export interface OfferedBlob {
  readonly id: BlobId;
  readonly sizeBytes: number;
  readonly place: string;
}

/** The parts of a storage provider that its steps work with. */
export interface PinParts {
  readonly crypto: Pick<Crypto, 'keccak256'>;
  readonly chain: PinChain;
  readonly store: FolderStore;
  readonly trees: PinTrees;
  readonly pinStore: PinStore;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: PinMetrics;
  /** Brings a blob from a place into the store. @throws if the place does not have it, or is not allowed. */
  readonly fetchBlob: (blob: OfferedBlob, signal: AbortSignal) => Promise<void>;
  /** Reads a signed manifest from the place of an offer. Nothing is checked. @param hash 64 hex digits. @throws as `fetchBlob`. */
  readonly readManifest: (blob: OfferedBlob, hash: string, signal: AbortSignal) => Promise<Uint8Array>;
}

/** The parts that know which manifests are here for pins. */
export type KeptManifests = Pick<PinParts, 'store' | 'pinStore'>;

/** Returns whether the chain could not be asked, which says nothing about a pin. */
export const isChainAway = (error: unknown): boolean => error instanceof ChainError && error.code !== 'reverted';

/** Removes a blob and a manifest that came for a pin, unless another accepted pin needs them. */
export async function removeUnpinned(
  { store, trees, pinStore }: Pick<PinParts, 'store' | 'trees' | 'pinStore'>,
  { blob, isFetched, manifest }: Pick<KeptPin, 'blob' | 'isFetched' | 'manifest'>,
): Promise<void> {
  if (manifest !== undefined) await removeUnnamedManifest({ store, pinStore }, manifest);
  if (pinStore.kept().some((kept) => kept.blob === blob)) return;
  trees.remove(blob);
  // A blob that was here before keeps its protection: its owner may have asked for it.
  if (!isFetched) return;
  await store.unpin(blob);
  await store.remove(blob);
  await store.discard(blob);
}
