import { equalBytes } from '../../base/bytes.ts';
import { type CodecType, createFormat, hash, oneOf, safeInteger, struct } from '../../base/codec.ts';
import type { Crypto, HybridSigner } from '../../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../../crypto/hybrid.ts';
import type { NamedOrder } from '../order.ts';

/**
 * Reasons for which a provider ends an order without a record, by code. `cannot-go-on`: the request allows no further
 * step. `machine-failed`: its machine or engine failed. `stopped`: it stopped, or the order's time was over. `not-admitted`: its
 * validator did not say that it admits the order.
 */
export const END_CODES = ['cannot-go-on', 'machine-failed', 'stopped', 'not-admitted'] as const;
export type EndCode = (typeof END_CODES)[number];

const orderEnd = struct({
  orderHash: hash,
  code: oneOf(END_CODES),
  /** The provider's clock, Unix time in ms. */
  timeMs: safeInteger,
});
const endFormat = createFormat(orderEnd, { tag: 'ogong-order-end-v1' });

/** A provider's statement that it ends an order that it accepted, and signs no record for it (docs/spec/order.md#end). */
export type OrderEnd = CodecType<typeof orderEnd>;

export interface SignedEnd {
  /** Canonical bytes of the statement. */
  readonly end: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly providerKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** Bytes of an encoded end. */
export const END_BYTES = 60;

/** Encodes the bytes that the provider signs. */
export const encodeEnd = (end: OrderEnd): Uint8Array => endFormat.encode(end);

/** @throws ProtocolError */
export const parseEnd = (bytes: Uint8Array): OrderEnd => endFormat.decode(bytes);

/** Computes the hash by which a validator's receipt names an end, 32 bytes. */
export const hashEnd = (crypto: Crypto, { end }: Pick<SignedEnd, 'end'>): Uint8Array => crypto.sha256(end);

export function signEnd(provider: HybridSigner, statement: OrderEnd): SignedEnd {
  const end = encodeEnd(statement);
  return { end, providerKey: provider.publicKey, signature: provider.sign(end) };
}

/**
 * Finds the reason that an end is not one of this order by its provider; undefined if it is. The signature is checked last,
 * since it costs most.
 * @throws ProtocolError if the end cannot be read.
 */
export function findEndProblem(
  crypto: Crypto,
  { end, providerKey: publicKey, signature }: SignedEnd,
  { providerId, orderHash }: Pick<NamedOrder, 'providerId' | 'orderHash'>,
): string | undefined {
  if (!equalBytes(parseEnd(end).orderHash, orderHash)) return 'the end is of another order';
  if (!equalBytes(hashHybridKey(crypto, publicKey), providerId))
    return 'the end is of another key than the order names';
  if (!verifyHybrid(crypto, { publicKey, message: end, signature })) return 'the provider did not sign the end';
  return undefined;
}

const PHRASES: Readonly<Record<EndCode, string>> = {
  'cannot-go-on': 'its request allows no further step',
  'machine-failed': 'the machine failed',
  stopped: 'the work was stopped',
  'not-admitted': 'its validator did not admit it',
};

/** Describes an end for people. */
export const describeEnd = (code: EndCode): string => `the provider ended the order: ${PHRASES[code]} (${code})`;
