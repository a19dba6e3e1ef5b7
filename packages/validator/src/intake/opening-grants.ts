import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { Complaint } from './complaint.ts';

/** A complaint whose order and signature were checked, without its opening. */
export interface CheckedComplaint extends Omit<Complaint, 'opening'> {
  /** 20 bytes. */
  readonly payer: Uint8Array;
}

/**
 * Decides which peers may send an opening now. Openings are the largest messages of strangers, so few are accepted at a
 * time. Each must belong to an order that was admitted here. Each order and each payer has one grant at a time, so
 * another grant needs another paid reply. The payer has signed for the opening, so no other peer can use up its grant.
 */
export interface OpeningGrants {
  /** @returns false if there is no free grant, or this order had one. */
  give(peer: Uint8Array, complaint: CheckedComplaint): boolean;
  has(peer: Uint8Array): boolean;
  /** Uses up the peer's grant. @param order its exact bytes. @returns undefined if it has none for this order. */
  take(peer: Uint8Array, order: Uint8Array): CheckedComplaint | undefined;
}

interface Grant {
  readonly complaint: CheckedComplaint;
  readonly untilMs: number;
}

const MAX_GRANTS = 4;
const GRANTED_FOR_MS = 30_000;
/** Orders in memory that had a grant. The oldest is forgotten first, so that memory stays bounded. */
const MAX_REMEMBERED = 4_096;

export function createOpeningGrants(clock: Clock): OpeningGrants {
  const grants = new Map<string, Grant>();
  const used = new Map<string, number>();

  function sweep(): number {
    const nowMs = clock.nowMs();
    for (const [peer, { untilMs }] of grants) if (untilMs <= nowMs) grants.delete(peer);
    for (const [order, untilMs] of used) {
      if (untilMs > nowMs && used.size <= MAX_REMEMBERED) break;
      used.delete(order);
    }
    return nowMs;
  }

  return {
    give(peer, complaint) {
      const nowMs = sweep();
      const [name, order] = [toHex(peer), toHex(complaint.order.order)];
      if (grants.size >= MAX_GRANTS || grants.has(name) || used.has(order)) return false;
      if ([...grants.values()].some((other) => equalBytes(other.complaint.payer, complaint.payer))) return false;
      grants.set(name, { complaint, untilMs: nowMs + GRANTED_FOR_MS });
      used.set(order, nowMs + MAX_ORDER_LIFETIME_MS);
      return true;
    },
    has(peer) {
      sweep();
      return grants.has(toHex(peer));
    },
    take(peer, order) {
      sweep();
      const grant = grants.get(toHex(peer));
      if (grant === undefined || !equalBytes(grant.complaint.order.order, order)) return undefined;
      grants.delete(toHex(peer));
      return grant.complaint;
    },
  };
}
