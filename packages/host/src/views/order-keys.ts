import { ChainError } from '@ogong/chain/errors';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type LedgerDomain, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { createRateLimiter } from '../link/token-bucket.ts';
import type { Clock } from '../time/clock.ts';

/** An order as its payer sends it: bytes, and a signature. */
interface SentOrder {
  readonly order: Uint8Array;
  readonly signature: Uint8Array;
}

/** The chain's records of keys that sign orders for other accounts. */
export interface OrderKeyView {
  /** Knows the keys that were learned. */
  readonly crypto: Crypto;
  /**
   * Reads from the chain whether the signer of an order may sign for its payer; once, since a limit never falls. Nothing is read for an
   * order that its payer signed itself.
   * @param asker the side that caused the read: each has its own share. Default: any sender of an order.
   * @throws ChainError, `timeout` if the budget is used up
   */
  learn(sent: SentOrder, asker?: OrderKeyAsker): Promise<void>;
}

/** An address that brings the order. It has a share of one half of the common budget; the other half has no shares. */
export type OrderKeyAsker = 'anybody' | 'co-signing' | { readonly address: string };

interface OrderKeyDependencies {
  readonly clock: Clock;
  /** @throws ChainError */
  readonly readLimit: (payer: Uint8Array, validator: Uint8Array, key: Uint8Array) => Promise<bigint>;
}

/** Limits that are remembered; the one that was learned first makes room. */
const MAX_KEYS = 8_192;
/** Anybody can send an order with an invalid signature, so each kind of caller has a limited rate of chain reads. */
const ASKS = { perSecond: 20, burst: 100 };
/**
 * Half of the common budget serves callers in the order of arrival: at a validator the address is a provider's, which serves many payers.
 */
const ASKS_FOR_ALL = { perSecond: ASKS.perSecond / 2, burst: ASKS.burst / 2 };
/** Limit of one address in the other half: a few addresses must not exclude payers whose keys are unknown yet. */
const ASKS_OF_ADDRESS = { perSecond: 1, burst: 8 };

export function createOrderKeys(
  base: Crypto,
  ledger: LedgerDomain,
  { clock, readLimit }: OrderKeyDependencies,
): OrderKeyView {
  const limits = new Map<string, bigint>();
  const asks = createRateLimiter(ASKS, clock);
  const asksForAll = createRateLimiter(ASKS_FOR_ALL, clock);
  const asksOfAddress = createRateLimiter(ASKS_OF_ADDRESS, clock);
  function mayAsk(asker: OrderKeyAsker): boolean {
    if (typeof asker === 'string') return asks.take(asker);
    return (asksForAll.take('') || asksOfAddress.take(asker.address)) && asks.take('anybody');
  }
  const nameOf = (...parties: readonly Uint8Array[]): string => parties.map(toHex).join();
  const orderKeys = {
    limitOf: (payer: Uint8Array, validator: Uint8Array, key: Uint8Array) => limits.get(nameOf(payer, validator, key)),
  };
  return {
    crypto: { ...base, orderKeys },
    async learn({ order: bytes, signature }, asker = 'anybody') {
      const order = read(base, ledger, bytes);
      if (order === undefined || base.verifyAddress(order.orderHash, signature, order.payer)) return;
      const { payer, validator, orderHash, cumulativeAtomic } = order;
      const key = base.recoverAddress(orderHash, signature);
      if (key === undefined) return;
      const name = nameOf(payer, validator, key);
      if ((limits.get(name) ?? -1n) >= cumulativeAtomic) return;
      if (!mayAsk(asker)) throw new ChainError('timeout', 'too many keys of payers are asked about just now');
      const limit = await readLimit(payer, validator, key);
      if (limit === 0n) return;
      limits.delete(name);
      limits.set(name, limit);
      if (limits.size > MAX_KEYS) limits.delete(limits.keys().next().value as string);
    },
  };
}

function read(crypto: Crypto, ledger: LedgerDomain, bytes: Uint8Array) {
  try {
    return nameOrder(crypto, ledger, parseOrder(bytes));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
