import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import type { Logger } from '@ogong/host/log/logger';
import type { BlobId } from '@ogong/hub/store/blob-store';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { PinMetrics } from './pin-metrics.ts';
import type { PinStore } from './pin-store.ts';
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

/** Blob of an offer, and the place that has it. */
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
}

/** Returns whether the chain could not be asked, which says nothing about a pin. */
export const isChainAway = (error: unknown): boolean => error instanceof ChainError && error.code !== 'reverted';

/** Removes a blob that came for pins, unless an accepted pin needs it. */
export async function removeUnpinned(
  { store, trees, pinStore }: Pick<PinParts, 'store' | 'trees' | 'pinStore'>,
  { blob, isFetched }: { readonly blob: BlobId; readonly isFetched: boolean },
): Promise<void> {
  if (pinStore.kept().some((kept) => kept.blob === blob)) return;
  await store.unpin(blob);
  trees.remove(blob);
  if (isFetched) await store.remove(blob);
}
