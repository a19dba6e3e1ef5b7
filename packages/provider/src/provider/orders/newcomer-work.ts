import { setImmediate as turn } from 'node:timers/promises';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { encodeNewcomerWork, searchNewcomerWork, type WorkTerms } from '@ogong/protocol/exchange/newcomer-work';

export interface NewcomerWorkDependencies {
  readonly crypto: Crypto;
  readonly chain: Pick<ChainView, 'network' | 'parameters'>;
  readonly beacons: Pick<BeaconView, 'latest'>;
  readonly providerId: Uint8Array;
  /** Atomic units of its payee, as the chain has them now. */
  readonly readStake: () => Promise<bigint>;
  readonly onError: (error: unknown) => void;
}

export interface NewcomerWorker {
  /** Returns the proof of work for the announcement of now. Begins to search for the next one if that is due. */
  get(): Uint8Array | undefined;
  stop(): Promise<void>;
}

interface FoundWork {
  readonly bytes: Uint8Array;
  readonly epoch: bigint;
  readonly bits: number;
}

/** Tries between two turns of the event loop: some milliseconds. */
const TRIES_A_TURN = 1_000;

/** Searches in the background for what a network asks of keys without stake; does nothing if it asks for nothing. */
export function createNewcomerWorker(dependencies: NewcomerWorkDependencies): NewcomerWorker {
  const { chain, beacons, readStake, onError } = dependencies;
  let found: FoundWork | undefined;
  let searching: Promise<void> | undefined;
  let isStopped = false;

  /** A new one is due once half of its time is over. */
  function isDue({ bits, epochs }: WorkTerms): boolean {
    if (found === undefined || found.bits < bits) return true;
    return 2n * (beacons.latest().epoch - found.epoch) > BigInt(epochs);
  }

  async function search(): Promise<void> {
    if ((await readStake()) > 0n) return;
    const next = await searchFor(dependencies, () => isStopped);
    if (next !== undefined) found = next;
  }

  return {
    get() {
      const terms = chain.parameters()?.work;
      if (terms === undefined || terms.bits === 0) return undefined;
      if (searching === undefined && !isStopped && isDue(terms)) {
        searching = search()
          .catch(onError)
          .finally(() => {
            searching = undefined;
          });
      }
      return found?.bytes;
    },
    async stop() {
      isStopped = true;
      await searching;
    },
  };
}

/** Begins again on a newer epoch where the one that it began with will not count for long any more. */
async function searchFor(
  { crypto, chain, beacons, providerId }: NewcomerWorkDependencies,
  isOver: () => boolean,
): Promise<FoundWork | undefined> {
  const { chainId, settlement } = chain.network;
  for (;;) {
    const { epoch, value: beacon } = beacons.latest();
    const subject = { chainId, settlement, providerId, epoch, beacon };
    for (let from = 0n; ; from += BigInt(TRIES_A_TURN)) {
      await turn();
      const terms = chain.parameters()?.work;
      if (isOver() || terms === undefined || terms.bits === 0) return undefined;
      if (2n * (beacons.latest().epoch - epoch) > BigInt(terms.epochs)) break;
      const nonce = searchNewcomerWork(crypto, subject, { bits: terms.bits, from, tries: TRIES_A_TURN });
      if (nonce !== undefined) return { bytes: encodeNewcomerWork({ epoch, nonce }), epoch, bits: terms.bits };
    }
  }
}
