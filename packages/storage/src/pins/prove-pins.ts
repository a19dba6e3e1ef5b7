import type { Pin } from '@ogong/chain/registry/pins';
import { HubBlobError } from '@ogong/hub/store/blob-store';
import { makePinProof } from '@ogong/hub/store/pin-proof';
import { fromHex } from '@ogong/protocol/base/bytes';
import { countMissed, findDueEpoch } from './pin-epochs.ts';
import { isChainAway, type PinParts, type PinSettings, removeUnpinned } from './pin-parts.ts';
import type { KeptPin } from './pin-store.ts';

/** Proves pins epoch by epoch. */
export interface PinProver {
  /** Proves each pin whose epoch is due, and claims the fees. */
  proveDue(signal: AbortSignal): Promise<void>;
}

export function createPinProver(settings: PinSettings, parts: PinParts): PinProver {
  const { chain, pinStore, log, metrics } = parts;
  /** The block before which a pin needs no look. */
  const quietUntil = new Map<bigint, bigint>();
  /** The damaged epoch of a pin: the same blocks are not read again before the next one. */
  const damaged = new Map<bigint, number>();

  metrics.missed.inc(pinStore.missedEpochs());

  function forgetDamage(pin: bigint): void {
    damaged.delete(pin);
    metrics.damaged.set(damaged.size);
  }

  function countMissedOf(pin: Pin, head: bigint): void {
    const fresh = pinStore.recordMissed(pin.pin, countMissed(pin, head));
    if (fresh === 0) return;
    metrics.missed.inc(fresh);
    log.warn({ pin: pin.pin, epochs: fresh }, 'epochs of a pin passed without a proof');
  }

  async function release(kept: KeptPin): Promise<void> {
    pinStore.drop(kept.pin);
    quietUntil.delete(kept.pin);
    forgetDamage(kept.pin);
    await removeUnpinned(parts, kept);
    log.info({ pin: kept.pin }, 'a pin is over');
  }

  async function proveOne(kept: KeptPin): Promise<void> {
    const pin = await chain.pinOf(kept.pin);
    const head = await chain.headBlock();
    countMissedOf(pin, head);
    const state = findDueEpoch(pin, head);
    if (state.kind === 'over') return release(kept);
    if (state.kind === 'waiting') return void quietUntil.set(kept.pin, state.until);
    const { epoch, seedBlock } = state;
    if (damaged.get(kept.pin) === epoch) return;
    try {
      await chain.provePin(kept.pin, epoch, await computeProof(parts, pin, seedBlock));
      forgetDamage(kept.pin);
      metrics.proofs.inc({ outcome: 'paid' });
      log.info({ pin: kept.pin, epoch }, 'proved an epoch of a pin');
    } catch (err) {
      const isDamaged = err instanceof HubBlobError;
      if (isDamaged) damaged.set(kept.pin, epoch);
      metrics.damaged.set(damaged.size);
      metrics.proofs.inc({ outcome: isDamaged ? 'damaged' : 'refused' });
      log.warn({ pin: kept.pin, epoch, err }, 'an epoch of a pin is not proven');
    }
  }

  return {
    async proveDue(signal) {
      const head = await chain.headBlock();
      for (const kept of pinStore.kept()) {
        if (signal.aborted) return;
        if (head < (quietUntil.get(kept.pin) ?? 0n)) continue;
        try {
          await proveOne(kept);
        } catch (err) {
          // The chain is away for all pins. Another failure is of this pin alone.
          if (isChainAway(err)) throw err;
          log.warn({ pin: kept.pin, err }, 'a pin is looked at again later');
        }
      }
      const credit = await chain.pinCreditOf(settings.account);
      if (credit === 0n || credit < settings.claimLeast) return;
      await chain.claimPinCredit();
      log.info({ credit }, 'claimed the fees of pins');
    },
  };
}

async function computeProof(
  { crypto, chain, store, trees }: PinParts,
  pin: Pin,
  seedBlock: bigint,
): Promise<Uint8Array> {
  const id = pin.blob.slice(2);
  const seed = fromHex((await chain.blockHashOf(seedBlock)).slice(2));
  const tree = await trees.open(id, { sizeBytes: pin.sizeBytes, pinRoot: fromHex(pin.pinRoot.slice(2)) });
  if (tree === undefined) throw new HubBlobError('wrong-content', `the blob ${id} is damaged`);
  return makePinProof(crypto, { store, id, tree }, { seed, pin: pin.pin });
}
