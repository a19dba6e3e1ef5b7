import { type CodecType, createFormat, struct } from '../base/codec.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain, type Payer, verifyPayer } from './order.ts';

const DELIVERY = {
  /** Of the order that the payer signed. */
  orderHash: abi.bytes32,
  /** Of the record that the payer holds. */
  recordHash: abi.bytes32,
  /** What the reply bills: as the header under that record counts them. */
  promptTokenCount: named('promptTokens', abi.uint32),
  outputTokenCount: named('outputTokens', abi.uint32),
  /** The newest epoch that the payer knew when it held the reply. */
  epoch: abi.uint64,
};
const deliveryCodec = struct(DELIVERY);
const deliveryFormat = createFormat(deliveryCodec, { tag: 'ogong-delivery-v1' });
const typedDelivery = createTypedStruct('Delivery', DELIVERY);

/**
 * The payer's word about what it was given (docs/spec/delivery.md). A validator judges this record and no other, so a provider
 * cannot show the validator another reply than its consumer.
 */
export interface Delivery extends CodecType<typeof deliveryCodec> {}

/** A delivery as it is sent and kept. */
export interface SignedDelivery {
  readonly delivery: Uint8Array;
  /** 65 bytes, by the payer. */
  readonly signature: Uint8Array;
}

export const encodeDelivery: (delivery: Delivery) => Uint8Array = deliveryFormat.encode;
/** @throws ProtocolError */
export const parseDelivery: (bytes: Uint8Array) => Delivery = deliveryFormat.decode;

/** The 32-byte digest that the payer signs. */
export function hashDelivery(crypto: Crypto, ledger: LedgerDomain, delivery: Delivery): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedDelivery.hash(crypto, delivery));
}

export function signDelivery(
  crypto: Crypto,
  payer: LedgerSigner,
  { ledger, ...delivery }: Delivery & { readonly ledger: LedgerDomain },
): SignedDelivery {
  return {
    delivery: encodeDelivery(delivery),
    signature: payer.signDigest(hashDelivery(crypto, ledger, delivery)),
  };
}

/** @returns the delivery, where its payer signed it; undefined otherwise. @throws ProtocolError where the bytes are no delivery. */
export function openDelivery(
  crypto: Crypto,
  { ledger, ...payer }: Payer & { readonly ledger: LedgerDomain },
  { delivery: bytes, signature }: SignedDelivery,
): Delivery | undefined {
  const delivery = parseDelivery(bytes);
  return verifyPayer(crypto, payer, { digest: hashDelivery(crypto, ledger, delivery), signature })
    ? delivery
    : undefined;
}
