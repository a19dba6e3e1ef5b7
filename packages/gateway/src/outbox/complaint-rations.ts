import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import { FEES_PER_AUDIT } from '@ogong/protocol/exchange/limits';
import { type KeyOwner, nameHolder } from '../books/reservation.ts';
import { listUsage, toDay } from '../books/usage-store.ts';

/**
 * Complaints that rest on a client's claim. A validator audits few replies at the claim of one payer, which is the whole gateway. So each
 * holder has a ration of its own, in proportion to the fees that it has paid.
 */
export interface ComplaintRations {
  /** Takes a reply from the holder's ration. The first one is free. @returns false if too little of the ration is left. */
  take(owner: KeyOwner, feeAtomic: bigint): Promise<boolean>;
}

/** Holders that are remembered. A forgotten one has a free complaint again. */
const MAX_HOLDERS = 4_096;
const FIRST_DAY = '0000-00-00';

export function createComplaintRations({
  books,
  clock,
}: {
  readonly books: WorkStore;
  readonly clock: Pick<Clock, 'nowMs'>;
}): ComplaintRations {
  /** By holder, the fees of the replies that it complained of, the newest holder last. */
  const asked = new Map<string, bigint>();

  async function readPaid({ keyId, organisation }: KeyOwner): Promise<bigint> {
    const of = organisation === '' ? { keyId } : { organisation };
    const rows = await listUsage(books, { ...of, from: FIRST_DAY, to: toDay(clock.nowMs()) });
    return rows.reduce((sum, { costAtomic }) => sum + costAtomic, 0n);
  }

  return {
    async take(owner, feeAtomic) {
      const paid = await readPaid(owner);
      const name = nameHolder(owner);
      const known = asked.get(name);
      const sum = (known ?? 0n) + feeAtomic;
      if (known !== undefined && FEES_PER_AUDIT * sum > paid) return false;
      asked.delete(name);
      asked.set(name, sum);
      for (const oldest of asked.keys()) if (asked.size > MAX_HOLDERS) asked.delete(oldest);
      return true;
    },
  };
}
