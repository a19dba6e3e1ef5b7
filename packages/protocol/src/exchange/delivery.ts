import { type CodecType, createFormat, struct } from '../base/codec.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain, type Payer, verifyPayer } from './order.ts';

const DELIVERY = {
  /** Of the order that the payer signed. */
  orderHash: abi.bytes32,
  /** Of the record that the payer holds. */
  recordHash: abi.bytes32,
  /** Billed prompt tokens, as counted in the header of that record. */
  promptTokenCount: named('promptTokens', abi.uint32),
  outputTokenCount: named('outputTokens', abi.uint32),
  /** The newest epoch that the payer knew when it had the reply. */
  epoch: abi.uint64,
};
const deliveryCodec = struct(DELIVERY);
const deliveryFormat = createFormat(deliveryCodec, { tag: 'ogong-delivery-v1' });
const typedDelivery = createTypedStruct('Delivery', DELIVERY);

/**
 * The payer's signed statement of the record that it received (docs/spec/delivery.md). A validator audits this record and no
 * other. So a provider cannot show the validator another reply than its consumer.
 */
export interface Delivery extends CodecType<typeof deliveryCodec> {}

/** A delivery statement as it is sent and stored. */
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

/**
 * Opens a delivery statement. @returns it, if its payer signed it; undefined otherwise. @throws ProtocolError if the bytes do
 * not parse.
 */
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
