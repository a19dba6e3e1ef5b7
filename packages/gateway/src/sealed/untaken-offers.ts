import { ApiError } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import { nameHolder } from '../books/reservation.ts';
import type { PayingKey } from '../buy/reply.ts';

/**
 * Sealed offers that were not taken. Each held a slot of a provider for its whole time and cost nothing, and the router counts the slots
 * of one gateway in full: without a bound one key makes a model look busy to all others of its gateway.
 */
export interface UntakenOffers {
  /** @throws ApiError `too_many_requests` */
  assertMayAsk(key: PayingKey): void;
  /** An offer of this key ran out. */
  note(key: PayingKey): void;
}

/** Offers that a holder may let run out at once. Later on it has one at a time. */
const GRACE = 16;

/** @param waitMs how long an offer waits. */
export function createUntakenOffers(waitMs: number, clock: Clock): UntakenOffers {
  /** By holder, until when what ran out would have taken, one after the other. */
  const owed = new Map<string, number>();
  const nameOf = ({ id, organisation }: PayingKey): string =>
    nameHolder({ keyId: id, organisation: organisation?.id ?? '' });
  return {
    assertMayAsk(key) {
      const waitedMs = (owed.get(nameOf(key)) ?? 0) - clock.nowMs() - GRACE * waitMs;
      if (waitedMs <= 0) return;
      const why = 'This key, or its organisation, took too many offers and sent no request for them; try again later.';
      throw new ApiError('too_many_requests', why, { retryAfterS: Math.ceil(waitedMs / 1000) });
    },
    note(key) {
      const nowMs = clock.nowMs();
      for (const [name, untilMs] of owed) if (untilMs <= nowMs) owed.delete(name);
      const name = nameOf(key);
      owed.set(name, Math.max(nowMs, owed.get(name) ?? 0) + waitMs);
    },
  };
}
