import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { NamedOrder } from '@ogong/protocol/exchange/order';

/**
 * Counts the payers that order replies and do not take them. A payer that asks a second provider if the first is slow takes most
 * of its orders. One that always asks several costs each of them a slot, which no standby price pays for.
 */
export interface UntakenOrders {
  /**
   * An order that its payer may leave untaken begins, on a model with so many slots.
   * @throws Refusal if the payer has left most of its replies untaken of late, or has as many here that it has not taken as it may.
   */
  enter(order: Pick<NamedOrder, 'payer'>, slots: number): RunningStandby;
  /** A reply that its payer could leave untaken is over. */
  note(order: Pick<NamedOrder, 'payer'>, outcome: TakeOutcome): void;
}

/** Outcome of a reply that its payer may leave untaken. */
export type TakeOutcome = 'taken' | 'left' | 'silent';

/** One order: it counts as untaken until `take` or `end` is called. */
export interface RunningStandby {
  readonly take: () => void;
  readonly end: () => void;
}

const SPAN_MS = 60_000;
/** A payer is known by so many of its replies. */
const LEAST_KNOWN = 16;
const MOST_KNOWN = 64;
/** Those who ordered least lately are forgotten first. */
const MOST_PAYERS = 4_096;

/** A reply of which its payer said nothing counts as so many that were left: it held a slot until its time was over. */
const SILENT_COUNTS = 4;
/** A payer that has taken nothing yet may hold one in so many of a model's slots. */
const HELD_SHARE = 4;

interface Known {
  readonly atMs: number;
  readonly isTaken: boolean;
}

export function createUntakenOrders({ clock }: { readonly clock: Clock }): UntakenOrders {
  const known = new Map<string, readonly Known[]>();
  /** How many replies of a payer run that it has not taken. */
  const running = new Map<string, number>();

  function listRecent(payer: string): readonly Known[] {
    const sinceMs = clock.nowMs() - SPAN_MS;
    return (known.get(payer) ?? []).filter(({ atMs }) => atMs > sinceMs);
  }

  return {
    enter({ payer }, slots) {
      const name = toHex(payer);
      const recent = listRecent(name);
      const taken = recent.filter(({ isTaken }) => isTaken).length;
      if (recent.length >= LEAST_KNOWN && 2 * taken < recent.length)
        throw new Refusal('unavailable', 'this payer leaves most answers untaken; try another provider');
      // A payer that takes its orders may order more at a time: until a reply begins nobody can take it.
      if ((running.get(name) ?? 0) >= Math.max(1, Math.floor(slots / HELD_SHARE)) + taken)
        throw new Refusal('unavailable', 'this payer has not taken what it ordered before; try another provider');
      running.set(name, (running.get(name) ?? 0) + 1);
      let isRunning = true;
      const end = (): void => {
        if (!isRunning) return;
        isRunning = false;
        const rest = (running.get(name) ?? 0) - 1;
        if (rest > 0) running.set(name, rest);
        else running.delete(name);
      };
      return { take: end, end };
    },
    note({ payer }, outcome) {
      const name = toHex(payer);
      const one: Known = { atMs: clock.nowMs(), isTaken: outcome === 'taken' };
      const added = new Array<Known>(outcome === 'silent' ? SILENT_COUNTS : 1).fill(one);
      const recent = [...listRecent(name), ...added].slice(-MOST_KNOWN);
      known.delete(name);
      known.set(name, recent);
      for (const oldest of known.keys()) {
        if (known.size <= MOST_PAYERS) break;
        known.delete(oldest);
      }
    },
  };
}
