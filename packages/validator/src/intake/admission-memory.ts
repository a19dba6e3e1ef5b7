import type { ChainClient } from '@ogong/chain/client';
import { Refusal } from '@ogong/host/link/link-error';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { hasProposed, readNewestSequence } from '../store/batch-store.ts';

/** Whether the database knows all that this validator has admitted. */
export interface AdmissionMemory {
  /** @throws Refusal while orders may be alive that the database does not know, or where that cannot be found out. */
  check(): Promise<void>;
}

export interface AdmissionMemoryDependencies {
  readonly store: Store;
  readonly clock: Clock;
  /** 20 bytes. */
  readonly validator: Uint8Array;
  readonly anchorOf: ChainClient['anchorOf'];
}

/**
 * A database that was lost, or put back, has forgotten orders that hold a channel, and what is admitted beside them convicts
 * (docs/spec/over-admission.md). The chain tells it: batches have settled that the database never proposed. Such a validator admits
 * nothing until all that was admitted before has expired.
 */
export function createAdmissionMemory({
  store,
  clock,
  validator,
  anchorOf,
}: AdmissionMemoryDependencies): AdmissionMemory {
  const newest = store.read(() => readNewestSequence(store));
  const startedMs = clock.nowMs();
  let fromMs: number | undefined;
  /**
   * Whoever proposes a batch numbers it after the last that has settled. So the first one after the start is this database's own, or
   * all that it proposes since comes after batches that are not.
   */
  const isForgetful = (settled: bigint): boolean =>
    settled > newest && !store.read(() => hasProposed(store, newest + 1n));
  return {
    async check() {
      fromMs ??= await anchorOf(validator).then(
        ({ sequence }) => (isForgetful(sequence) ? startedMs + MAX_ORDER_LIFETIME_MS + CLOCK_TOLERANCE_MS : 0),
        (cause: unknown) => {
          throw new Refusal(
            'unavailable',
            `what this validator has settled cannot be read: ${(cause as Error).message}`,
          );
        },
      );
      const leftMs = fromMs - clock.nowMs();
      if (leftMs <= 0) return;
      throw new Refusal(
        'unavailable',
        `this validator's database is not the one that it settled from; it admits orders in ${Math.ceil(leftMs / 1_000)} s`,
      );
    },
  };
}
