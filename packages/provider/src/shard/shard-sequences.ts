import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import type { HoldingLeader, OrderMemory, RememberedOrder, RunningOrder } from './order-memory.ts';

/** The time from an agreement to the order's admission. */
const ADMIT_MS = 10_000;
/** The time without a pass after which an order ends. */
const IDLE_MS = 30_000;

export interface SequencesOptions {
  readonly segment: SegmentEngine;
  /** Names the segment in the memory of orders. */
  readonly sessionKey: Uint8Array;
  readonly orders: OrderMemory;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Receives failures of the engine that no call waits for. */
  readonly onError: (error: unknown) => void;
  /** Notes the work of an admitted order that is over. */
  readonly onEnd: (held: RememberedOrder, running: RunningOrder) => void;
}

/** The sequences of a segment. An order takes one when the shard agrees to it. */
export interface ShardSequences {
  /** Sequences that no order holds. */
  free(): number;
  /** Does one piece of work after the other with the engine. */
  enter<T>(work: () => Promise<T>): Promise<T>;
  /** Takes a sequence for an order that is not admitted yet. @throws Refusal */
  take(leader: HoldingLeader): number;
  /** Ends an order, once its pass in flight has ended. */
  end(held: RememberedOrder): Promise<void>;
  /** Ends an order, and waits for nothing. */
  endAside(held: RememberedOrder): void;
  /** Ends orders that have expired or are not used. */
  sweep(): Promise<void>;
}

export function createSequences({
  segment,
  sessionKey,
  orders,
  clock,
  onError,
  onEnd,
}: SequencesOptions): ShardSequences {
  const { sequences } = segment.info();
  const slots = Array.from({ length: sequences }, (_, i) => sequences - 1 - i);
  /** Sequences of orders that are not admitted yet: all leaders' together, and one leader's. */
  const mostWaiting = Math.max(1, Math.floor(sequences / 2));
  const mostOfLeader = Math.max(1, mostWaiting - 1);
  /** The engine's last call: it has one at a time. */
  let tail: Promise<unknown> = Promise.resolve();
  const enter = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work);
    tail = done.catch(() => undefined);
    return done;
  };

  const isUnused = ({ running }: RememberedOrder, nowMs: number): boolean =>
    running !== undefined && running.calls === 0 && nowMs - running.lastMs >= (running.isAdmitted ? IDLE_MS : ADMIT_MS);

  async function end(held: RememberedOrder): Promise<void> {
    const { running } = held;
    if (running === undefined) return;
    held.running = undefined;
    if (running.isAdmitted) onEnd(held, running);
    // Nothing was served, and the memory has room for admitted orders alone.
    if (!running.isAdmitted) {
      orders.forget(held);
      slots.push(running.slot);
      return;
    }
    try {
      await enter(() => segment.drop(running.slot, 0));
    } finally {
      slots.push(running.slot);
    }
  }
  const endAside = (held: RememberedOrder): void => void end(held).catch(onError);

  const listWaiting = (): readonly RememberedOrder[] =>
    orders.list(sessionKey).filter(({ running }) => running?.isAdmitted === false);

  /** Takes a sequence for an order that is not admitted yet. @throws Refusal */
  function take(leader: HoldingLeader): number {
    const nowMs = clock.nowMs();
    for (const held of listWaiting()) if (isUnused(held, nowMs)) endAside(held);
    const isFull = () => slots.length === 0 || listWaiting().length >= mostWaiting;
    if (listWaiting().filter((held) => held.leader.name === leader.name).length >= mostOfLeader)
      throw new Refusal('unavailable', `${mostOfLeader} orders of such a leader already wait for their admissions`);
    // A leader with something to lose goes first.
    const weaker = leader.isBacked && isFull() ? listWaiting().find((held) => !held.leader.isBacked) : undefined;
    if (weaker !== undefined) endAside(weaker);
    if (slots.length > 0 && isFull())
      throw new Refusal('unavailable', `${mostWaiting} orders at this shard already wait for their admissions`);
    const slot = slots.pop();
    if (slot === undefined) throw new Refusal('unavailable', `all ${sequences} sequences of this shard are busy`);
    return slot;
  }

  return {
    ...{ enter, take, end, endAside, free: () => slots.length },
    async sweep() {
      const nowMs = clock.nowMs();
      const ends = orders.list(sessionKey).map(async (held) => {
        const isExpired = Number(held.order.expiresAtMs) + CLOCK_TOLERANCE_MS <= nowMs;
        if (isExpired) orders.forget(held);
        if (isExpired || isUnused(held, nowMs)) await end(held).catch(onError);
      });
      await Promise.all(ends);
    },
  };
}
