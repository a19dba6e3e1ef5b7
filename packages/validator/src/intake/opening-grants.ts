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
 * Who may send an opening now. Openings are the largest messages of strangers, so few are taken at a time, each for an order that was
 * admitted here, and each order and each payer once at a time: whoever wants another place has to pay for another reply. The payer
 * has signed for the opening, so that nobody else can use its place up.
 */
export interface OpeningGrants {
  /** @returns false where there is no place, or this order had one. */
  give(peer: Uint8Array, complaint: CheckedComplaint): boolean;
  has(peer: Uint8Array): boolean;
  /** Uses the peer's grant up. @param order its exact bytes. @returns undefined where it has none for this order. */
  take(peer: Uint8Array, order: Uint8Array): CheckedComplaint | undefined;
}

interface Grant {
  readonly complaint: CheckedComplaint;
  readonly untilMs: number;
}

const MAX_GRANTS = 4;
const GRANTED_FOR_MS = 30_000;
/** Orders that are remembered to have had a grant. The oldest is forgotten first, so that memory stays bounded. */
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
