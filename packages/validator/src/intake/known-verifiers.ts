import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { RoomyVerifiers } from '@ogong/protocol/audit/verifier-room';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Order } from '@ogong/protocol/exchange/order';
import { readAnnouncement } from '../store/announcement-store.ts';
import { listVerifiersByModel, nameHeld, noStakes, type RequiredStakes } from '../store/candidates.ts';

/** Age at which the announced verifiers are read again. */
const READING_MS = 10_000;

export interface KnownVerifiers {
  /** Lists the announced verifiers that may be drawn for a reply to this order, also those of each shard if a cohort serves it. */
  list(order: Pick<Order, 'modelRoot' | 'payee' | 'providerId'>): RoomyVerifiers;
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
    list({ modelRoot, payee, providerId }) {
      const nowMs = clock.nowMs();
      if (Math.abs(nowMs - readMs) >= READING_MS) {
        known = store.read(() => listVerifiersByModel(store, { nowMs, leastStake: requiredStakes().now }));
        readMs = nowMs;
      }
      const listOthers = (held: Parameters<typeof nameHeld>[0]) =>
        (known.get(nameHeld(held)) ?? []).filter((one) => !equalBytes(one.payee, payee));
      const announced = store.read(() => readAnnouncement(store, providerId));
      const cohort = announced?.models.find((one) => equalBytes(one.modelRoot, modelRoot))?.cohort;
      const shards = (cohort?.members ?? []).map(({ firstLayer, layers }) =>
        listOthers({ modelRoot, segment: { manifestHash: cohort!.manifestHash, firstLayer, layers } }),
      );
      return { whole: listOthers({ modelRoot, segment: undefined }), shards };
    },
  };
}
