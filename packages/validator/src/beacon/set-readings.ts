import type { Clock } from '@ogong/host/time/clock';
import type { SetListing } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import type { BeaconMachineDependencies } from '@ogong/protocol/beacon/beacon-state';
import { hashValidatorSet, type SetMember, sortMembers } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

export interface SetReadingsOptions {
  readonly network: BeaconNetwork;
  /** Time for which a reading of the registry is recent enough to name. */
  readonly freshMs: number;
}

export interface SetReadingsDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Returns the registry of the last reading. */
  readonly listing: () => SetListing;
  /** Reads the registry at a block. Rejects if the chain does not know it. */
  readonly listingAt: (block: bigint) => Promise<SetListing>;
  /** Finds a set on the disk. */
  readonly findKept: (set: Uint8Array) => readonly SetMember[] | undefined;
  /** Stores a set. It is needed after a restart, once a certificate names it. */
  readonly keep: (set: Uint8Array, members: readonly SetMember[]) => void;
}

interface Reading {
  /** Hex. */
  readonly set: string;
  readonly block: bigint;
  readonly atMs: number;
}

/** Most readings, and most blocks named by others, in memory. */
const MAX_READINGS = 64;

export type SetReadings = Pick<BeaconMachineDependencies, 'reading' | 'findSet' | 'isListed'>;

/**
 * Returns this validator's knowledge of the sets of validators: its readings of the chain, and sets named by peers that
 * it could check.
 */
export function createSetReadings(
  { network, freshMs }: SetReadingsOptions,
  { crypto, clock, listing, listingAt, findKept, keep }: SetReadingsDependencies,
): SetReadings {
  /** Own readings, oldest first. */
  const readings: Reading[] = [];
  const sets = new Map<string, readonly SetMember[]>();
  /** Sets at blocks that others named. */
  const named = new Map<bigint, string>();
  const asked = new Set<bigint>();

  function remember({ validators }: Pick<SetListing, 'validators'>): string {
    const members = sortMembers(validators);
    const hash = hashValidatorSet(crypto, network, members);
    const key = toHex(hash);
    if (!sets.has(key)) {
      sets.set(key, members);
      if (sets.size > MAX_READINGS) sets.delete(sets.keys().next().value as string);
      keep(hash, members);
    }
    return key;
  }

  /** @returns the newest own reading. */
  function note(): { readonly members: readonly SetMember[]; readonly block: bigint } {
    const { block, validators } = listing();
    const newest = readings.at(-1);
    if (newest?.block !== block && validators.length > 0) {
      readings.push({ set: remember({ validators }), block, atMs: clock.nowMs() });
      if (readings.length > MAX_READINGS) readings.shift();
    }
    return { members: validators, block };
  }

  function read(block: bigint): void {
    if (asked.has(block) || asked.size >= MAX_READINGS) return;
    asked.add(block);
    void listingAt(block)
      .then((found) => {
        named.set(block, remember(found));
        if (named.size > MAX_READINGS) named.delete(named.keys().next().value as bigint);
      })
      // The proposer names the block again, and it is read again.
      .catch(() => undefined)
      .finally(() => asked.delete(block));
  }

  return {
    reading: note,
    findSet(set) {
      note();
      return sets.get(toHex(set)) ?? findKept(set);
    },
    isListed(set, block) {
      const { block: newest } = note();
      const key = toHex(set);
      const since = clock.nowMs() - freshMs;
      // The newest reading is fresh, however long the chain has stood still.
      const fresh = readings.filter(({ atMs }, i) => atMs >= since || i === readings.length - 1);
      if (block <= newest && fresh.some((one) => one.set === key)) return true;
      const floor = readings.findLast(({ atMs }) => atMs < since)?.block ?? 0n;
      if (block < floor) return false;
      const at = named.get(block);
      if (at === undefined) read(block);
      return at === undefined ? undefined : at === key;
    },
  };
}
