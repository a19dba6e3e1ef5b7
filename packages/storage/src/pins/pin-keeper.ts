import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import type { Pin } from '@ogong/chain/registry/pins';
import type { Logger } from '@ogong/host/log/logger';
import { HubBlobError } from '@ogong/hub/store/blob-store';
import type { FolderStore } from '@ogong/hub/store/folder-store';
import { makePinProof } from '@ogong/hub/store/pin-proof';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { findDueEpoch } from './pin-epochs.ts';
import type { PinMetrics } from './pin-metrics.ts';
import type { KeptPin, PinStore, WaitingOffer } from './pin-store.ts';
import { type PinTerms, refuseOffer } from './pin-terms.ts';
import type { PinTrees } from './pin-trees.ts';

/** Failed attempts to fetch a blob after which its offer is left. */
const MAX_FAILURES = 3;
/** Blocks that have to follow that of an offer: a younger block may be replaced. */
const CONFIRMATIONS = 2n;

/** The calls of a chain client that a storage provider needs. */
export type PinChain = Pick<
  ChainClient,
  'acceptPin' | 'blockHashOf' | 'claimPinCredit' | 'headBlock' | 'listPins' | 'pinCreditOf' | 'pinOf' | 'provePin'
>;

export interface PinKeeperOptions {
  /** The provider's account. */
  readonly account: Address;
  readonly terms: PinTerms;
  /** Credit is claimed when it reaches this amount, atomic units. */
  readonly claimLeast: bigint;
}

export interface PinKeeperParts {
  readonly crypto: Pick<Crypto, 'keccak256'>;
  readonly chain: PinChain;
  readonly store: FolderStore;
  readonly trees: PinTrees;
  readonly pinStore: PinStore;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: PinMetrics;
  /** Brings a blob from a place into the store. @throws if the place does not have it, or is not allowed. */
  readonly fetchBlob: (
    blob: { readonly id: string; readonly sizeBytes: number; readonly place: string },
    signal: AbortSignal,
  ) => Promise<void>;
}

/** A storage provider's work on pins. Both steps may run at the same time. */
export interface PinKeeper {
  /** Reads new offers and accepts those that fit the terms, after their blobs are here. */
  reviewOffers(signal: AbortSignal): Promise<void>;
  /** Proves each pin whose epoch is due, and claims the fees. */
  proveDue(signal: AbortSignal): Promise<void>;
}

export function createPinKeeper(
  { account, terms, claimLeast }: PinKeeperOptions,
  { crypto, chain, store, trees, pinStore, log, metrics, fetchBlob }: PinKeeperParts,
): PinKeeper {
  /** The damaged epoch of a pin: the same blocks are not read again before the next one. */
  const damaged = new Map<bigint, number>();

  async function readOffers(): Promise<void> {
    const to = (await chain.headBlock()) - CONFIRMATIONS;
    const from = pinStore.nextBlock();
    if (to >= from) pinStore.addOffers(await chain.listPins({ provider: account }, { from, to }), to + 1n);
  }

  async function sumPinnedBytes(): Promise<number> {
    const sizes = new Map<string, number>();
    for (const { pin, blob } of pinStore.kept()) sizes.set(blob, (await chain.pinOf(pin)).sizeBytes);
    const sum = [...sizes.values()].reduce((total, bytes) => total + bytes, 0);
    metrics.pins.set(pinStore.kept().length);
    metrics.pinnedBytes.set(sum);
    return sum;
  }

  /** Accepts an offer, or returns the reason for a refusal. */
  async function review({ pin, place }: WaitingOffer, signal: AbortSignal): Promise<string | undefined> {
    const offer = await chain.pinOf(pin);
    const blob = offer.blob.slice(2);
    const isAccepted = offer.start !== undefined;
    const refusal = isAccepted ? undefined : refuseOffer(terms, offer, await sumPinnedBytes());
    if (refusal !== undefined) return refusal;
    const isAbsent = !(await store.has(blob));
    if (isAbsent) await fetchBlob({ id: blob, sizeBytes: offer.sizeBytes, place }, signal);
    const tree = await trees.open(blob, { sizeBytes: offer.sizeBytes, pinRoot: fromHex(offer.pinRoot.slice(2)) });
    if (tree === undefined) {
      if (isAbsent) await store.remove(blob);
      return 'the blob has another size or pin root';
    }
    await store.pin(blob);
    if (!isAccepted) await chain.acceptPin(pin);
    const isFetched = isAbsent || pinStore.kept().some((other) => other.blob === blob && other.isFetched);
    pinStore.keep({ pin, blob, isFetched });
    return undefined;
  }

  async function reviewOne(offer: WaitingOffer, signal: AbortSignal): Promise<void> {
    const { pin, failures } = offer;
    try {
      const refusal = await review(offer, signal);
      metrics.offers.inc({ outcome: refusal === undefined ? 'accepted' : 'refused' });
      if (refusal === undefined) log.info({ pin }, 'accepted a pin');
      else {
        pinStore.updateOffer(pin, undefined);
        log.info({ pin, refusal }, 'refused the offer of a pin');
      }
    } catch (err) {
      if (signal.aborted) return;
      // The chain is away, which says nothing about the offer.
      if (err instanceof ChainError && err.code !== 'reverted') throw err;
      const isLast = failures + 1 >= MAX_FAILURES;
      pinStore.updateOffer(pin, isLast ? undefined : failures + 1);
      metrics.offers.inc({ outcome: 'failed' });
      log.warn({ pin, err, isLast }, 'an offer of a pin could not be accepted');
    }
  }

  async function prove(pin: Pin, due: { readonly epoch: number; readonly seedBlock: bigint }): Promise<void> {
    const id = pin.blob.slice(2);
    const seed = fromHex((await chain.blockHashOf(due.seedBlock)).slice(2));
    const tree = await trees.open(id, { sizeBytes: pin.sizeBytes, pinRoot: fromHex(pin.pinRoot.slice(2)) });
    if (tree === undefined) throw new HubBlobError('wrong-content', `the blob ${id} is damaged`);
    const proof = await makePinProof(crypto, { store, id, tree }, { seed, pin: pin.pin });
    await chain.provePin(pin.pin, due.epoch, proof);
  }

  async function release({ pin, blob, isFetched }: KeptPin): Promise<void> {
    pinStore.drop(pin);
    damaged.delete(pin);
    if (pinStore.kept().some((other) => other.blob === blob)) return;
    await store.unpin(blob);
    trees.remove(blob);
    if (isFetched) await store.remove(blob);
    log.info({ pin }, 'a pin is over');
  }

  async function proveOne(kept: KeptPin): Promise<void> {
    const pin = await chain.pinOf(kept.pin);
    const state = findDueEpoch(pin, await chain.headBlock());
    if (state.kind === 'over') return release(kept);
    if (state.kind === 'waiting' || damaged.get(kept.pin) === state.epoch) return;
    const { epoch } = state;
    try {
      await prove(pin, state);
      metrics.proofs.inc({ outcome: 'paid' });
      log.info({ pin: kept.pin, epoch }, 'proved an epoch of a pin');
    } catch (err) {
      if (err instanceof HubBlobError) damaged.set(kept.pin, epoch);
      metrics.proofs.inc({ outcome: err instanceof HubBlobError ? 'damaged' : 'refused' });
      log.warn({ pin: kept.pin, epoch, err }, 'an epoch of a pin is not proven');
    }
  }

  return {
    async reviewOffers(signal) {
      await readOffers();
      for (const offer of pinStore.offers()) {
        if (signal.aborted) return;
        await reviewOne(offer, signal);
      }
      await sumPinnedBytes();
    },
    async proveDue(signal) {
      for (const kept of pinStore.kept()) {
        if (signal.aborted) return;
        await proveOne(kept);
      }
      const credit = await chain.pinCreditOf(account);
      if (credit === 0n || credit < claimLeast) return;
      await chain.claimPinCredit();
      log.info({ credit }, 'claimed the fees of pins');
    },
  };
}
