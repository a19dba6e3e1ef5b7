import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { AnnouncedVerifier } from '@ogong/protocol/audit/verifier-room';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Order } from '@ogong/protocol/exchange/order';
import { listVerifiersByModel, noStakes, type RequiredStakes } from '../store/candidates.ts';

/** Age at which the announced verifiers are read again. */
const READING_MS = 10_000;

export interface KnownVerifiers {
  /** Lists the announced verifiers that may be drawn for a reply to this order. */
  list(order: Pick<Order, 'modelRoot' | 'payee'>): readonly AnnouncedVerifier[];
}

/** Reads the announced verifiers of all models at once, since orders come faster than announcements. */
export function createKnownVerifiers({
  store,
  clock,
  requiredStakes = () => noStakes,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly requiredStakes?: (() => RequiredStakes) | undefined;
}): KnownVerifiers {
  let known: ReturnType<typeof listVerifiersByModel> = new Map();
  let readMs = Number.NEGATIVE_INFINITY;
  return {
    list({ modelRoot, payee }) {
      const nowMs = clock.nowMs();
      if (Math.abs(nowMs - readMs) >= READING_MS) {
        known = store.read(() => listVerifiersByModel(store, { nowMs, leastStake: requiredStakes().now }));
        readMs = nowMs;
      }
      return (known.get(toHex(modelRoot)) ?? []).filter((one) => !equalBytes(one.payee, payee));
    },
  };
}
