import type { ChainClient } from '@ogong/chain/client';
import type { MinedAllotment } from '@ogong/chain/money/emission';
import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { computeTally } from '@ogong/host/views/emission-view';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeEmissionProof, type EmissionUnits } from '@ogong/protocol/settlement/emission';

export interface ProvenUnits {
  readonly units: bigint;
  /** Hashes of 32 bytes, up to the root that the chain has. */
  readonly proof: readonly Uint8Array[];
}

export interface TallyStore {
  /**
   * @throws Refusal `not-found` without such a tally, or without units of the account in it; `unavailable` while
   * another tally is read. `unavailable` also if this validator computes another one than the quorum signed. ChainError
   * ChainError
   */
  find(number: number, account: Uint8Array): Promise<ProvenUnits>;
}

interface TallyStoreDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly client: () => Promise<Pick<ChainClient, 'allotments' | 'emissionState' | 'recycledWork'>>;
}

/**
 * Tallies in memory: half a year of hours, with about a hundred accounts each. A question about an older one waits for
 * a reading.
 */
const KEPT_TALLIES = 4_096;
/** Pause between two questions to the chain for further tallies. */
const LIST_MS = 10_000;
/** Pause after which a tally that could not be read is read again. */
const FAILED_MS = 600_000;

/**
 * Finds the units of an account in a tally. A tally never changes, so it stays in memory. One tally is read at a time,
 * for any number of callers.
 */
export function createTallyStore({ crypto, clock, client }: TallyStoreDependencies): TallyStore {
  const kept = new Map<number, readonly EmissionUnits[]>();
  let list: readonly MinedAllotment[] = [];
  let countedMs = Number.NEGATIVE_INFINITY;
  const failed = new Map<number, number>();
  let reading: { readonly number: number; readonly entries: Promise<readonly EmissionUnits[]> } | undefined;

  async function read(number: number): Promise<readonly EmissionUnits[]> {
    const chain = await client();
    // Reading events costs many calls, so the validator does not read them for a missing tally, or again and again.
    if (number >= list.length && clock.nowMs() - countedMs >= LIST_MS) {
      countedMs = clock.nowMs();
      if ((await chain.emissionState()).count > list.length) list = await chain.allotments();
    }
    const allotment = list[number];
    if (allotment === undefined) throw new Refusal('not-found', `the chain has no tally ${number} of the emission`);
    if (clock.nowMs() - (failed.get(number) ?? Number.NEGATIVE_INFINITY) < FAILED_MS)
      throw new Refusal('unavailable', `tally ${number} could not be read recently`);
    const tally = computeTally(crypto, await chain.recycledWork(allotment.since, allotment.until));
    if (tally === undefined || `0x${toHex(tally.root)}` !== allotment.root) {
      failed.set(number, clock.nowMs());
      throw new Refusal('unavailable', `the events of tally ${number} do not have the root that the quorum signed`);
    }
    kept.set(number, tally.entries);
    if (kept.size > KEPT_TALLIES) kept.delete(kept.keys().next().value as number);
    return tally.entries;
  }

  function findEntries(number: number): Promise<readonly EmissionUnits[]> | readonly EmissionUnits[] {
    const known = kept.get(number);
    if (known !== undefined) return known;
    if (reading === undefined) {
      const entries = read(number).finally(() => {
        reading = undefined;
      });
      reading = { number, entries };
    } else if (reading.number !== number) {
      throw new Refusal('unavailable', 'another tally is being read: ask again in a moment');
    }
    return reading.entries;
  }

  return {
    async find(number, account) {
      const entries = await findEntries(number);
      const index = entries.findIndex((entry) => equalBytes(entry.account, account));
      const entry = entries[index];
      if (entry === undefined) throw new Refusal('not-found', `tally ${number} has nothing for that account`);
      return { units: entry.units, proof: computeEmissionProof(crypto, entries, index) };
    },
  };
}
