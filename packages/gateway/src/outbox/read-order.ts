import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type LedgerDomain, type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';

/** An object with the exact bytes of an order, which nothing changes. */
type HeldOrder = { readonly order: Uint8Array };

interface KnownOrder {
  readonly ledger: LedgerDomain;
  readonly named: NamedOrder;
}

/** By the object that holds the bytes, for as long as it lives. */
const known = new WeakMap<HeldOrder, KnownOrder>();

/**
 * Parses an order and computes its hash and reply id. Each step of a reply needs them, and they are computed once.
 * @throws ProtocolError
 */
export function readOrder(ledger: LedgerDomain, held: HeldOrder): NamedOrder {
  const before = known.get(held);
  if (before !== undefined && isSame(before.ledger, ledger)) return before.named;
  const named = nameOrder(crypto, ledger, parseOrder(held.order));
  known.set(held, { ledger, named });
  return named;
}

const isSame = (a: LedgerDomain, b: LedgerDomain): boolean =>
  a.chainId === b.chainId && equalBytes(a.verifyingContract, b.verifyingContract);
