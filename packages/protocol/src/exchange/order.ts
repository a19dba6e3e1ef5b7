import { concatBytes, equalBytes } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { type CodecType, createFormat, struct } from '../base/codec.ts';
import { REPLY_ID_BYTES } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named, nested, string } from '../crypto/typed-data.ts';

/** What the order draws on its payer's channel: the part that the chain checks, beside the hash of the terms. */
const VOUCHER = {
  /** Whose escrow pays. */
  payer: abi.address,
  /** The handling validator, whose channel the order draws on. */
  validator: abi.address,
  /** Sum of the maximum fees that this channel's orders may have drawn, this one included; only grows. */
  cumulativeAtomic: named('cumulative', abi.uint128),
};

const TERMS = {
  requestHash: abi.bytes32,
  nonce: abi.bytes32,
  modelRoot: abi.bytes32,
  providerId: abi.bytes32,
  /** The payee that the provider announced. Its header must name the same. */
  payee: abi.address,
  /** Who is paid for the match. */
  router: abi.address,
  /** Index of the choice where the request asks for several. */
  choice: abi.uint8,
  /** Tokens of prompt and reply that the provider announced to have room for: a shorter reply may not end for lack of room. */
  contextSize: abi.uint32,
  maxFeeAtomic: named('maxFee', abi.uint128),
  pricePer1kAtomic: named('pricePer1k', abi.uint128),
  /** The epoch whose beacon enters the draw key. */
  epoch: abi.uint64,
  /** Unix time in ms. */
  expiresAtMs: named('expiresAt', abi.uint64),
};

const orderCodec = struct({ ...VOUCHER, ...TERMS });
const orderFormat = createFormat(orderCodec, { tag: 'ogong-order-v3' });

/**
 * The consumer's order: one EIP-712 signature binds who may serve which request under which nonce, and what
 * may be drawn from the payer's channel for it. The digest nests the terms, so that the chain needs only their hash to
 * check the voucher (docs/spec/order.md, docs/spec/settlement.md).
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

/** A process meets one ledger, or a few in tests; every order, record and word is hashed under one. */
const MAX_KNOWN_DOMAINS = 8;
const knownDomains: (LedgerDomain & { readonly separator: Uint8Array })[] = [];

/** EIP-712 domain separator of the OGONG contracts. Not to be written to. */
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

/** The same with the hash of the terms in place of the terms. */
const typedVoucher = createTypedStruct('Order', {
  ...VOUCHER,
  terms: { ...nested(typedTerms), word: (_crypto: unknown, termsHash: Uint8Array) => termsHash },
});

/**
 * The same digest from what the chain is given: a voucher, and the hash of the terms.
 * @internal for whoever plays the chain
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
 * The name of the one reply that an order may have, 16 bytes: first half of SHA-256(tag || ledger domain || payer || validator ||
 * nonce). No order carries it, so an id that is known from one validator or one ledger cannot be put into an order elsewhere.
 */
export function computeReplyId(
  crypto: Crypto,
  domain: LedgerDomain,
  { payer, validator, nonce }: Pick<Order, 'payer' | 'validator' | 'nonce'>,
): Uint8Array {
  const input = concatBytes(REPLY_ID_DOMAIN, hashLedgerDomain(crypto, domain), payer, validator, nonce);
  return crypto.sha256(input).slice(0, REPLY_ID_BYTES);
}

/** An order with the names that follow from it on one ledger. */
export interface NamedOrder extends Order {
  /** 16 bytes: two orders of one payer for one validator share it where they share a nonce. */
  readonly replyId: Uint8Array;
  /** 32 bytes, what the payer signs: no two orders share it. */
  readonly orderHash: Uint8Array;
}

export function nameOrder(crypto: Crypto, domain: LedgerDomain, order: Order): NamedOrder {
  return { ...order, replyId: computeReplyId(crypto, domain, order), orderHash: hashOrder(crypto, domain, order) };
}

const DAY_MS = 24n * 60n * 60n * 1000n;

/** The day of an order: that of its expiry, in days since 1970-01-01 UTC. A whole day tells no verifier whose reply it sees. */
export function computeOrderDay({ expiresAtMs }: Pick<Order, 'expiresAtMs'>): number {
  return Number(expiresAtMs / DAY_MS);
}

/** Whether the payer named in the order signed it, or a key that signs orders of so much for it. */
export function verifyOrder(crypto: Crypto, order: NamedOrder, signature: Uint8Array): boolean {
  const limit = findLimit(crypto, order, { digest: order.orderHash, signature });
  return limit === 'own' || (limit !== undefined && order.cumulativeAtomic <= limit);
}

/** Whose orders they are, and at which validator. Without the latter the payer's own key alone counts. */
export type Payer = Pick<Order, 'payer'> & Partial<Pick<Order, 'validator'>>;

/** Whether the payer of an order signed something else about it, or a key that signs orders for it. */
export function verifyPayer(
  crypto: Crypto,
  order: Payer,
  said: { readonly digest: Uint8Array; readonly signature: Uint8Array },
): boolean {
  return findLimit(crypto, order, said) !== undefined;
}

/** Up to how much whoever signed signs orders for the payer; `own` for the payer itself, undefined for a stranger. */
function findLimit(
  crypto: Crypto,
  { payer, validator }: Payer,
  { digest, signature }: { readonly digest: Uint8Array; readonly signature: Uint8Array },
): bigint | 'own' | undefined {
  if (crypto.verifyAddress(digest, signature, payer)) return 'own';
  const key = crypto.orderKeys && validator && crypto.recoverAddress(digest, signature);
  return key && validator && crypto.orderKeys?.limitOf(payer, validator, key);
}
