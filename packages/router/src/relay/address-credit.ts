import type { PeerId } from '@ogong/host/link/link-identity';
import { createRateLimiter } from '@ogong/host/link/token-bucket';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { RelayPayments } from './relay-payments.ts';

/** Unpaid traffic that a relay carries for the nodes of one address together: certificates are free, and addresses are not. */
export interface AddressCredit {
  /**
   * @param bytes all bytes carried for the node.
   * @returns whether they are paid, or within its credit and that of its address.
   */
  isCovered(certHash: PeerId, group: string, bytes: bigint): boolean;
  /** The debt of the node stays with its address. */
  forget(certHash: PeerId): void;
}

/** Credits of one address: sixteen nodes may be a quarter of their credit ahead, twice. */
const CREDITS_OF_ADDRESS = 8;
const DAY_S = 86_400;

/**
 * Each address has so many credits, and as many again on each day. A node that has paid has the same credit on its own account.
 */
export function createAddressCredit(
  payments: Pick<RelayPayments, 'terms' | 'isCovered' | 'paidBytes' | 'forget'>,
  clock: Clock,
): AddressCredit {
  const burst = CREDITS_OF_ADDRESS * Number(payments.terms.creditBytes);
  const credits = createRateLimiter({ burst, perSecond: burst / DAY_S }, clock);
  /** The part of its address's credit that each node uses. */
  const held = new Map<string, { readonly group: string; readonly bytes: number }>();
  return {
    isCovered(certHash, group, bytes) {
      if (!payments.isCovered(certHash, bytes)) return false;
      const name = toHex(certHash);
      const before = held.get(name) ?? { group, bytes: 0 };
      const ahead = Number(bytes - 2n * payments.paidBytes(certHash));
      if (ahead <= before.bytes) {
        credits.giveBack(before.group, before.bytes - Math.max(0, ahead));
        if (ahead <= 0) {
          held.delete(name);
          return true;
        }
        held.set(name, { group: before.group, bytes: ahead });
        // The node takes nothing more now: check only that some credit of its address is left.
        if (!credits.take(before.group)) return false;
        credits.giveBack(before.group);
        return true;
      }
      if (!credits.take(before.group, ahead - before.bytes)) return false;
      held.set(name, { group: before.group, bytes: ahead });
      return true;
    },
    forget(certHash) {
      held.delete(toHex(certHash));
      payments.forget(certHash);
    },
  };
}
