import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Receipt } from '@ogong/protocol/stage1/receipt';

/**
 * Skips two signature checks for the receipt of a reply that this gateway ordered. It made the order's signature itself, and
 * checked the ticket's signature when the ticket arrived. All other signatures are checked.
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
