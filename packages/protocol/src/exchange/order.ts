import { concatBytes, equalBytes, type Writer } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { type CodecType, createFormat, struct } from '../base/codec.ts';
import { REPLY_ID_BYTES } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named, nested, string } from '../crypto/typed-data.ts';

/** The part of an order that draws on its payer's channel. The chain checks this part, beside the hash of the terms. */
const VOUCHER = {
  /** The account whose escrow pays. */
  payer: abi.address,
  /** The handling validator, whose channel the order draws on. */
  validator: abi.address,
  /** Sum of the maximum fees that this channel's orders may have drawn, this one included. It only grows. */
  cumulativeAtomic: named('cumulative', abi.uint128),
};

const TERMS = {
  requestHash: abi.bytes32,
  nonce: abi.bytes32,
  modelRoot: abi.bytes32,
  providerId: abi.bytes32,
  /** The payee that the provider announced. Its header must name the same. */
  payee: abi.address,
  /** The router that is paid for the match. */
  router: abi.address,
  /** Index of the choice, if the request asks for several. */
  choice: abi.uint8,
  /** Tokens of prompt and reply for which the provider announced room. A shorter reply may not end for lack of room. */
  contextSize: abi.uint32,
  maxFeeAtomic: named('maxFee', abi.uint128),
  pricePer1kAtomic: named('pricePer1k', abi.uint128),
  /** The epoch whose beacon enters the draw key. */
  epoch: abi.uint64,
  /** Unix time in ms. */
  expiresAtMs: named('expiresAt', abi.uint64),
};

const orderCodec = struct({ ...VOUCHER, ...TERMS });
const orderFormat = createFormat(orderCodec, { tag: 'ogong-order-v1' });

/**
 * The consumer's order. One EIP-712 signature binds the provider, the request, the nonce, and the amount that may be drawn from
 * the payer's channel. The digest nests the terms, so the chain needs only their hash to check the voucher (docs/spec/order.md,
 * docs/spec/settlement.md).
 */
export interface Order extends CodecType<typeof orderCodec> {}

export const encodeOrder: (order: Order) => Uint8Array = orderFormat.encode;
export const parseOrder: (bytes: Uint8Array) => Order = orderFormat.decode;

export interface LedgerDomain {
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly verifyingContract: Uint8Array;
}

const ledgerDomain = createTypedStruct('EIP712Domain', {
  name: string,
  version: string,
  chainId: abi.uint256,
  verifyingContract: abi.address,
});
const typedTerms = createTypedStruct('Terms', TERMS);
const typedOrder = createTypedStruct('Order', { ...VOUCHER, terms: nested(typedTerms) });

/**
 * The most cached domains. A process works with one ledger, or a few in tests, and every order, record and statement is hashed
 * under one.
 */
const MAX_KNOWN_DOMAINS = 8;
const knownDomains: (LedgerDomain & { readonly separator: Uint8Array })[] = [];

/** Computes the EIP-712 domain separator of the OGONG contracts. Callers must not mutate it. */
export function hashLedgerDomain(crypto: Crypto, { chainId, verifyingContract }: LedgerDomain): Uint8Array {
  const known = knownDomains.find(
    (one) => one.chainId === chainId && equalBytes(one.verifyingContract, verifyingContract),
  );
  if (known !== undefined) return known.separator;
  const separator = ledgerDomain.hash(crypto, { name: 'OGONG', version: '1', chainId, verifyingContract });
  knownDomains.push({ chainId, verifyingContract: verifyingContract.slice(), separator });
  if (knownDomains.length > MAX_KNOWN_DOMAINS) knownDomains.shift();
  return separator;
}

export function hashTerms(crypto: Crypto, order: Order): Uint8Array {
  return typedTerms.hash(crypto, order);
}

/** The 32-byte digest that the payer signs. */
export function hashOrder(crypto: Crypto, domain: LedgerDomain, order: Order): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedOrder.hash(crypto, { ...order, terms: order }));
}

/** The same type with the hash of the terms in place of the terms. */
const typedVoucher = createTypedStruct('Order', {
  ...VOUCHER,
  terms: {
    ...nested(typedTerms),
    writeWord: (_crypto: unknown, writer: Writer, termsHash: Uint8Array) => void writer.bytes(termsHash, 32),
  },
});

/**
 * Computes the same digest from the chain's inputs: a voucher, and the hash of the terms.
 * @internal for tests that simulate the chain
 */
export function hashVoucher(
  crypto: Crypto,
  domain: LedgerDomain,
  voucher: Pick<Order, 'payer' | 'validator' | 'cumulativeAtomic'>,
  termsHash: Uint8Array,
): Uint8Array {
  return hashTyped(
    crypto,
    hashLedgerDomain(crypto, domain),
    typedVoucher.hash(crypto, { ...voucher, terms: termsHash }),
  );
}

const REPLY_ID_DOMAIN = encodeDomain('ogong-reply-id-v1');

/**
 * Computes the id of the one reply that an order may have, 16 bytes: first half of SHA-256(tag || ledger domain || payer ||
 * validator || nonce). No order carries it. So an id known from one validator or ledger cannot be put into an order elsewhere.
 */
export function computeReplyId(
  crypto: Crypto,
  domain: LedgerDomain,
  { payer, validator, nonce }: Pick<Order, 'payer' | 'validator' | 'nonce'>,
): Uint8Array {
  const input = concatBytes(REPLY_ID_DOMAIN, hashLedgerDomain(crypto, domain), payer, validator, nonce);
  return crypto.sha256(input).slice(0, REPLY_ID_BYTES);
}

/** An order with the ids that follow from it on one ledger. */
export interface NamedOrder extends Order {
  /** 16 bytes. Two orders of one payer for one validator with the same nonce share it. */
  readonly replyId: Uint8Array;
  /** The digest that the payer signs, 32 bytes. No two orders share it. */
  readonly orderHash: Uint8Array;
}

export function nameOrder(crypto: Crypto, domain: LedgerDomain, order: Order): NamedOrder {
  return { ...order, replyId: computeReplyId(crypto, domain, order), orderHash: hashOrder(crypto, domain, order) };
}

const DAY_MS = 24n * 60n * 60n * 1000n;

/**
 * Computes the day of an order: that of its expiry, in days since 1970-01-01 UTC. A whole day does not reveal to a verifier
 * whose reply it sees.
 */
export function computeOrderDay({ expiresAtMs }: Pick<Order, 'expiresAtMs'>): number {
  return Number(expiresAtMs / DAY_MS);
}

/** Verifies that the order's payer signed it, or a key that signs orders of this amount for the payer. */
export function verifyOrder(crypto: Crypto, order: NamedOrder, signature: Uint8Array): boolean {
  const limit = findLimit(crypto, order, { digest: order.orderHash, signature });
  return limit === 'own' || (limit !== undefined && order.cumulativeAtomic <= limit);
}

/** The payer of orders and the validator. Without a validator only the payer's own key counts. */
export type Payer = Pick<Order, 'payer'> & Partial<Pick<Order, 'validator'>>;

/** Verifies that the payer of an order signed a statement about it, or a key that signs orders for the payer. */
export function verifyPayer(
  crypto: Crypto,
  order: Payer,
  said: { readonly digest: Uint8Array; readonly signature: Uint8Array },
): boolean {
  return findLimit(crypto, order, said) !== undefined;
}

/** Finds the sum up to which the signer may sign orders for the payer; `own` for the payer itself, undefined for a stranger. */
function findLimit(
  crypto: Crypto,
  { payer, validator }: Payer,
  { digest, signature }: { readonly digest: Uint8Array; readonly signature: Uint8Array },
): bigint | 'own' | undefined {
  if (crypto.verifyAddress(digest, signature, payer)) return 'own';
  const key = crypto.orderKeys && validator && crypto.recoverAddress(digest, signature);
  return key && validator && crypto.orderKeys?.limitOf(payer, validator, key);
}
