import type { PeerId } from '@ogong/host/link/link-identity';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { CohortSignature } from '@ogong/protocol/settlement/cohort-agreement';
import type { RootLeader } from './kept-roots.ts';
import type { ShardOrder } from './shard-order.ts';

/** An order that a shard has agreed to. An admitted one is remembered until it expires, so that nobody has it served twice. */
export interface RememberedOrder {
  /** The session key of the segment that serves it. */
  readonly sessionKey: Uint8Array;
  /** Link of the leader. */
  readonly peer: PeerId;
  readonly order: NamedOrder;
  /** SHA-256 of the terms. They change if a member is replaced. */
  termsHash: Uint8Array;
  readonly leader: HoldingLeader;
  /** The leader as the terms name it. A replacement of members leaves it as it is. */
  readonly leaderMember: RootLeader;
  /** Undefined once the order is over. */
  running: RunningOrder | undefined;
}

export interface HoldingLeader {
  /** All leaders of which the chain knows nothing have one name. */
  readonly name: string;
  /** The chain knows earnings or a bond of its key. */
  readonly isBacked: boolean;
  /** Account of its work without a record: one of each payee, and one of all leaders of which the chain knows nothing. */
  readonly account: string;
}

export interface RunningOrder {
  /** Sequence of the engine. */
  readonly slot: number;
  readonly rows: ShardOrder;
  /** The shard's signature of the terms. */
  signature: CohortSignature;
  isAdmitted: boolean;
  /** Passes that wait or run. */
  calls: number;
  /** Time of the agreement, the admission, or the last pass. */
  lastMs: number;
}

/** The orders of all segments that one provider serves to cohorts: an order is served once, by one of them. */
export interface OrderMemory {
  find(orderHash: Uint8Array): RememberedOrder | undefined;
  /** Orders of the segment with this session key. */
  list(sessionKey: Uint8Array): readonly RememberedOrder[];
  add(held: RememberedOrder): void;
  forget(held: RememberedOrder): void;
  /** Refuses an agreement that comes after its end, for some seconds. */
  bar(peer: PeerId, orderHash: Uint8Array): void;
  isBarred(peer: PeerId, orderHash: Uint8Array): boolean;
}

/** Longer than a call of `Agree` takes. */
const BARRED_MS = 10_000;
/** The most ends without an agreement. The oldest gives way: then a late agreement keeps its sequence for some seconds. */
const MAX_BARRED = 1_024;

export function createOrderMemory({ nowMs }: Pick<Clock, 'nowMs'>): OrderMemory {
  const orders = new Map<string, RememberedOrder>();
  /** Times until which orders are barred, by peer and order. */
  const barred = new Map<string, number>();
  const nameCall = (peer: PeerId, orderHash: Uint8Array): string => `${toHex(peer)} ${toHex(orderHash)}`;
  return {
    find: (orderHash) => orders.get(toHex(orderHash)),
    list: (sessionKey) => [...orders.values()].filter((held) => held.sessionKey === sessionKey),
    add: (held) => void orders.set(toHex(held.order.orderHash), held),
    forget: (held) => void orders.delete(toHex(held.order.orderHash)),
    bar(peer, orderHash) {
      const name = nameCall(peer, orderHash);
      barred.delete(name);
      barred.set(name, nowMs() + BARRED_MS);
      const [oldest] = barred.keys();
      if (barred.size > MAX_BARRED && oldest !== undefined) barred.delete(oldest);
    },
    isBarred: (peer, orderHash) => nowMs() < (barred.get(nameCall(peer, orderHash)) ?? 0),
  };
}
