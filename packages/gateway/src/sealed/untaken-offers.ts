import { ApiError } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import { nameHolder } from '../books/reservation.ts';
import type { PayingKey } from '../buy/reply.ts';

/**
 * Sealed offers that were not taken. Each held a slot of a provider for its whole time and cost nothing. The router counts the
 * slots of one gateway in full, so without a limit one key makes a model look busy to all others.
 */
export interface UntakenOffers {
  /** @throws ApiError `too_many_requests` */
  assertMayAsk(key: PayingKey): void;
  /** Notes that an offer of this key ran out. */
  note(key: PayingKey): void;
}

/** Offers that a holder may let run out at once. After that it has one at a time. */
const GRACE = 16;

/** @param waitMs time that an offer waits. */
export function createUntakenOffers(waitMs: number, clock: Clock): UntakenOffers {
  /** By holder: the end of all its lapsed offers, if they had waited one after the other. */
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
