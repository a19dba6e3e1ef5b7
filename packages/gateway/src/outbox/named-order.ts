import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type LedgerDomain, type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';

/** What holds the exact bytes of an order, which nobody writes to. */
type HeldOrder = { readonly order: Uint8Array };

interface KnownOrder {
  readonly ledger: LedgerDomain;
  readonly named: NamedOrder;
}

/** By whoever holds it, and no longer than that one lives. */
const known = new WeakMap<HeldOrder, KnownOrder>();

/** An order with its names. Each step of a reply asks for them, and they are hashed once. @throws ProtocolError */
export function readOrder(ledger: LedgerDomain, held: HeldOrder): NamedOrder {
  const before = known.get(held);
  if (before !== undefined && isSame(before.ledger, ledger)) return before.named;
  const named = nameOrder(crypto, ledger, parseOrder(held.order));
  known.set(held, { ledger, named });
  return named;
}

const isSame = (a: LedgerDomain, b: LedgerDomain): boolean =>
  a.chainId === b.chainId && equalBytes(a.verifyingContract, b.verifyingContract);
