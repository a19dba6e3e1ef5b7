import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { ED25519_SIGNATURE_BYTES } from '@ogong/protocol/crypto/hybrid';
import { ADMISSIONS_KEPT_MS } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { type BoundaryRoot, verifyRootReceipt } from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';

/** A root that a shard gave to the leader of an order. */
export interface GivenRoot {
  readonly order: NamedOrder;
  /** Link of the leader. */
  readonly peer: PeerId;
  readonly leader: Pick<CohortMember, 'providerId' | 'sessionKey'>;
  readonly root: BoundaryRoot;
}

/** A root with the leader's receipt for it. */
export interface KeptRoot extends GivenRoot {
  /** 64 bytes; undefined until the leader has confirmed the root. */
  readonly receipt: Uint8Array | undefined;
}

/** A reason for which a shard marks a leader. A mark is no evidence. */
export type MarkReason = 'receipt-missing' | 'receipt-wrong';

export interface LeaderMark extends KeptRoot {
  readonly reason: MarkReason;
}

/** The roots that a shard gave to leaders, with their receipts, for as long as claims about them can be made. */
export interface KeptRoots {
  add(given: GivenRoot): void;
  has(orderHash: Uint8Array): boolean;
  find(orderHash: Uint8Array): KeptRoot | undefined;
  /** Keeps the leader's receipt. A wrong one marks the leader, and no other is read. @throws Refusal */
  confirm(peer: PeerId, orderHash: Uint8Array, receipt: Uint8Array): void;
  /** Marks leaders that have not confirmed a root in time, and forgets old roots. */
  sweep(): void;
}

export interface KeptRootsOptions {
  readonly crypto: Crypto;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly onMark: (mark: LeaderMark) => void;
}

/** The time that a leader has for a receipt. It commits to the same rows first, which may take seconds for each shard. */
const RECEIPT_MS = 60_000;
/** The oldest root gives way. */
const MAX_KEPT = 4_096;

export function createKeptRoots({ crypto, clock, onMark }: KeptRootsOptions): KeptRoots {
  const roots = new Map<string, KeptRoot>();
  /** Times until which receipts are due, by order. An order is here until it has one, or a mark. */
  const dueMs = new Map<string, number>();

  const forget = (key: string): void => {
    roots.delete(key);
    dueMs.delete(key);
  };
  const mark = (key: string, reason: MarkReason): void => {
    dueMs.delete(key);
    const kept = roots.get(key);
    if (kept !== undefined) onMark({ ...kept, reason });
  };

  return {
    add(given) {
      const key = toHex(given.order.orderHash);
      roots.set(key, { ...given, receipt: undefined });
      dueMs.set(key, clock.nowMs() + RECEIPT_MS);
      const [oldest] = roots.keys();
      if (roots.size > MAX_KEPT && oldest !== undefined) forget(oldest);
    },
    has: (orderHash) => roots.has(toHex(orderHash)),
    find: (orderHash) => roots.get(toHex(orderHash)),
    confirm(peer, orderHash, receipt) {
      const key = toHex(orderHash);
      const kept = roots.get(key);
      if (kept === undefined || !equalBytes(kept.peer, peer))
        throw new Refusal('not-found', 'this shard has given you no root for such an order');
      if (kept.receipt !== undefined) return;
      if (!dueMs.has(key)) throw new Refusal('precondition', 'the time for a receipt is over');
      const { root, leader } = kept;
      const isSigned =
        receipt.length === ED25519_SIGNATURE_BYTES &&
        verifyRootReceipt(crypto, { leaderKey: leader.sessionKey, root, receipt });
      if (!isSigned) {
        mark(key, 'receipt-wrong');
        throw new Refusal('invalid', 'the receipt is not signed by the leader for the root of this order');
      }
      dueMs.delete(key);
      roots.set(key, { ...kept, receipt: receipt.slice() });
    },
    sweep() {
      const nowMs = clock.nowMs();
      for (const [key, atMs] of [...dueMs]) if (atMs <= nowMs) mark(key, 'receipt-missing');
      for (const [key, { order }] of [...roots])
        if (Number(order.expiresAtMs) + ADMISSIONS_KEPT_MS <= nowMs) forget(key);
    },
  };
}
