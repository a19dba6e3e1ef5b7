import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Receipt } from '@ogong/protocol/stage1/receipt';

/**
 * For the receipt of a reply that this gateway has ordered: it has made the order's signature itself, and has checked the ticket's over these
 * very bytes when the ticket came. All that provider and validator signed is checked as ever.
 */
export function trustOrdered(crypto: Crypto, { order, ticket }: Pick<Receipt, 'order' | 'ticket'>): Crypto {
  return {
    ...crypto,
    verifyAddress: (digest, signature, address) =>
      signature === order.signature || crypto.verifyAddress(digest, signature, address),
    verifyEd25519: (signature, message, key) =>
      message === ticket.bytes || crypto.verifyEd25519(signature, message, key),
    verifyMlDsa44: (signature, message, key) =>
      message === ticket.bytes || crypto.verifyMlDsa44(signature, message, key),
  };
}
