import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { rememberParsed } from '@ogong/host/store/remember-parsed';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type LedgerDomain, type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';

/** Orders that are remembered, some 2 MB: those of the last seconds, until their deliveries are acknowledged. */
const KEPT_ORDERS = 1_024;
/** A process has one ledger, or a few in tests. */
const KEPT_LEDGERS = 8;

type OrderReader = (order: Uint8Array) => NamedOrder;

const readers: { readonly ledger: LedgerDomain; readonly read: OrderReader }[] = [];

/**
 * Parses an order and computes its hash and reply id. Each step of a reply needs them, and they are computed once for the same bytes.
 * Callers must not change the answer.
 * @throws ProtocolError
 */
export const readOrder = (ledger: LedgerDomain, { order }: { readonly order: Uint8Array }): NamedOrder =>
  findReader(ledger)(order);

function findReader(ledger: LedgerDomain): OrderReader {
  const known = readers.find((one) => isSame(one.ledger, ledger));
  if (known !== undefined) return known.read;
  const read = rememberParsed((order) => nameOrder(crypto, ledger, parseOrder(order)), KEPT_ORDERS);
  readers.push({ ledger, read });
  if (readers.length > KEPT_LEDGERS) readers.shift();
  return read;
}

const isSame = (a: LedgerDomain, b: LedgerDomain): boolean =>
  a.chainId === b.chainId && equalBytes(a.verifyingContract, b.verifyingContract);
