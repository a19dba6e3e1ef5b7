import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { ED25519_SIGNATURE_BYTES } from '@ogong/protocol/crypto/hybrid';
import { ADMISSIONS_KEPT_MS } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { judgeHiddenRoot } from '@ogong/protocol/modality/text/boundary/boundary-claims';
import { MAX_TURNS } from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { type BoundaryRoot, verifyRootReceipt } from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';
import { type BoundRecord, ClaimError, openBoundRecord } from '@ogong/protocol/verdict/claim';

/** The leader of an order, as its terms name it. */
export interface RootLeader extends Pick<CohortMember, 'providerId' | 'sessionKey'> {
  /** Place of the last shard. */
  readonly place: number;
}

/** A root that a shard gave to the leader of an order. */
export interface GivenRoot {
  readonly order: NamedOrder;
  /** Link of the leader. */
  readonly peer: PeerId;
  readonly leader: RootLeader;
  readonly root: BoundaryRoot;
}

/** A root with the leader's receipt for it. */
export interface KeptRoot extends GivenRoot {
  /** 64 bytes; undefined until the leader has confirmed the root. */
  readonly receipt: Uint8Array | undefined;
  /** Whether the leader has shown its record of the reply. */
  readonly isShown: boolean;
  /** That record, if it does not list the root. */
  readonly record: BoundRecord | undefined;
}

/** A reason for which a shard marks a leader. All but `root-hidden` are no evidence (docs/spec/boundary.md#claims). */
export type MarkReason =
  | 'receipt-missing'
  | 'receipt-wrong'
  | 'record-wrong'
  | 'root-hidden'
  | 'root-not-confirmed'
  | 'two-roots';

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
  /** Marks the leader if its record does not list the root. One record of each order is read. @throws Refusal */
  showRecord(peer: PeerId, orderHash: Uint8Array, bound: BoundRecord): void;
  /** Marks leaders that have not confirmed a root in time, and forgets old roots. */
  sweep(): void;
}

export interface KeptRootsOptions {
  readonly crypto: Crypto;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Session key of the shard, 32 bytes. */
  readonly senderKey: Uint8Array;
  readonly onMark: (mark: LeaderMark) => void;
}

interface Entry {
  kept: KeptRoot;
  /** Until then a receipt is due; undefined once there is one, or a mark. */
  dueMs: number | undefined;
  /** Roots that the record lists, if the shard's own is missing. */
  listed: readonly (BoundaryRoot | undefined)[] | undefined;
}

/** The time that a leader has for a receipt. It commits to the same rows first, which may take seconds for each shard. */
const RECEIPT_MS = 60_000;
/** The oldest root gives way. */
const MAX_KEPT = 4_096;

export function createKeptRoots({ crypto, clock, senderKey, onMark }: KeptRootsOptions): KeptRoots {
  const entries = new Map<string, Entry>();

  const mark = ({ kept }: Entry, reason: MarkReason): void => onMark({ ...kept, reason });

  /** @throws Refusal. A stranger gets the same answer as for an order that was never here. */
  function findOf(peer: PeerId, orderHash: Uint8Array): Entry {
    const entry = entries.get(toHex(orderHash));
    if (entry === undefined || !equalBytes(entry.kept.peer, peer))
      throw new Refusal('not-found', 'this shard has given you no root for such an order');
    return entry;
  }

  /** Finds the fault of a record that was shown; undefined if it lists the root. */
  function findFault({ order, leader, root, receipt }: KeptRoot, listed: NonNullable<Entry['listed']>) {
    const sender = { orderHash: order.orderHash, place: root.place, senderKey };
    const by = { place: leader.place, key: leader.sessionKey };
    const { reason } = judgeHiddenRoot(crypto, sender, by, { root, receipt, listed });
    return reason === 'root-hidden' || reason === 'root-not-confirmed' || reason === 'two-roots' ? reason : undefined;
  }

  return {
    add(given) {
      const kept = { ...given, receipt: undefined, isShown: false, record: undefined };
      entries.set(toHex(given.order.orderHash), { kept, dueMs: clock.nowMs() + RECEIPT_MS, listed: undefined });
      const [oldest] = entries.keys();
      if (entries.size > MAX_KEPT && oldest !== undefined) entries.delete(oldest);
    },
    has: (orderHash) => entries.has(toHex(orderHash)),
    find: (orderHash) => entries.get(toHex(orderHash))?.kept,
    confirm(peer, orderHash, receipt) {
      const entry = findOf(peer, orderHash);
      const { root, leader, receipt: before } = entry.kept;
      if (before !== undefined) return;
      if (entry.dueMs === undefined) throw new Refusal('precondition', 'the time for a receipt is over');
      entry.dueMs = undefined;
      const isSigned =
        receipt.length === ED25519_SIGNATURE_BYTES &&
        verifyRootReceipt(crypto, { leaderKey: leader.sessionKey, root, receipt });
      if (!isSigned) {
        mark(entry, 'receipt-wrong');
        throw new Refusal('invalid', 'the receipt is not signed by the leader for the root of this order');
      }
      entry.kept = { ...entry.kept, receipt: receipt.slice() };
      // The record may have come first. The receipt makes it evidence.
      const fault = entry.listed && findFault(entry.kept, entry.listed);
      if (fault !== undefined) mark(entry, fault);
    },
    showRecord(peer, orderHash, bound) {
      const entry = findOf(peer, orderHash);
      if (entry.kept.isShown) throw new Refusal('conflict', 'the record of this order was shown before');
      entry.kept = { ...entry.kept, isShown: true };
      const { order } = entry.kept;
      let listed: NonNullable<Entry['listed']>;
      try {
        listed = listRoots(order, openBoundRecord(crypto, order, bound).header);
      } catch (error) {
        if (!(error instanceof ClaimError)) throw error;
        mark(entry, 'record-wrong');
        throw new Refusal('invalid', `the record does not count: ${error.message}`);
      }
      const fault = findFault(entry.kept, listed);
      if (fault === undefined) return;
      entry.listed = listed;
      entry.kept = { ...entry.kept, record: bound };
      mark(entry, fault);
    },
    sweep() {
      const nowMs = clock.nowMs();
      for (const [key, entry] of [...entries]) {
        if (entry.dueMs !== undefined && entry.dueMs <= nowMs) {
          entry.dueMs = undefined;
          mark(entry, 'receipt-missing');
        }
        if (Number(entry.kept.order.expiresAtMs) + ADMISSIONS_KEPT_MS <= nowMs) entries.delete(key);
      }
    },
  };
}

/** Nobody can sign for another number of turns, and a header may name any. */
const listRoots = ({ orderHash }: NamedOrder, { boundaries = [] }: CommonHeader): (BoundaryRoot | undefined)[] =>
  boundaries.map((boundary, place) =>
    boundary === undefined || boundary.turns < 1 || boundary.turns > MAX_TURNS
      ? undefined
      : { ...boundary, orderHash, place },
  );
