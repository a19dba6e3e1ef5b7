import { equalBytes } from '../base/bytes.ts';
import { createFormat, hash } from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import type { NamedOrder } from './order.ts';

/**
 * A provider's signed statement that it serves an order (docs/spec/order.md). Without it anybody could order from a provider
 * that never received the order, and have it called abandoned.
 */
export interface OrderConsent {
  /** Hybrid public key, 1,344 bytes. */
  readonly providerKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** Encodes the bytes that the provider signs: the order's hash. */
export const encodeConsent: (orderHash: Uint8Array) => Uint8Array = createFormat(hash, {
  tag: 'ogong-order-consent-v1',
}).encode;

export function signConsent(provider: HybridSigner, { orderHash }: Pick<NamedOrder, 'orderHash'>): OrderConsent {
  return { providerKey: provider.publicKey, signature: provider.sign(encodeConsent(orderHash)) };
}

/** Signs in parallel to other work. This signature takes most of a provider's time before the first token. */
export async function signConsentAside(
  provider: HybridSigner,
  { orderHash }: Pick<NamedOrder, 'orderHash'>,
): Promise<OrderConsent> {
  const message = encodeConsent(orderHash);
  const signature = provider.signAside ? await provider.signAside(message) : provider.sign(message);
  return { providerKey: provider.publicKey, signature };
}

/** Returns whether the provider that the order names signed for it. */
export function verifyConsent(
  crypto: Crypto,
  { providerKey: publicKey, signature }: OrderConsent,
  { providerId, orderHash }: Pick<NamedOrder, 'providerId' | 'orderHash'>,
): boolean {
  return (
    equalBytes(hashHybridKey(crypto, publicKey), providerId) &&
    verifyHybrid(crypto, { publicKey, message: encodeConsent(orderHash), signature })
  );
}
