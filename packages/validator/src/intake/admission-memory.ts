import type { ChainClient } from '@ogong/chain/client';
import { Refusal } from '@ogong/host/link/link-error';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { hasProposed, readNewestSequence } from '../store/batch-store.ts';

/** Tells whether the database knows all orders that this validator has admitted. */
export interface AdmissionMemory {
  /** @throws Refusal while unknown orders may still be valid, or if that cannot be found out. */
  check(): Promise<void>;
}

export interface AdmissionMemoryDependencies {
  readonly store: Store;
  readonly clock: Clock;
  /** Address of this validator, 20 bytes. */
  readonly validator: Uint8Array;
  readonly anchorOf: ChainClient['anchorOf'];
}

/**
 * Detects a database that was lost or restored from a backup. It has forgotten orders that hold a channel, and further
 * admissions would convict the validator (docs/spec/over-admission.md). The chain reveals it: batches have settled that
 * the database never proposed. Such a validator admits no order until all earlier orders have expired.
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
   * A batch gets the number after the last settled one. So after a restart the first batch follows this database's own
   * last one, or batches that this database never proposed.
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
            `this validator's settled batches cannot be read: ${(cause as Error).message}`,
          );
        },
      );
      const leftMs = fromMs - clock.nowMs();
      if (leftMs <= 0) return;
      throw new Refusal(
        'unavailable',
        `this validator's database lacks settled batches, so it is not the latest one; it admits orders in ${Math.ceil(leftMs / 1_000)} s`,
      );
    },
  };
}
