import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashAdmission } from '@ogong/protocol/exchange/admission';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { Receipt } from '@ogong/protocol/stage1/receipt';

/** The signer of a receipt's admission, as the gateway recovered it. */
export interface AdmissionSigner {
  /** The signed digest, 32 bytes. */
  readonly digest: Uint8Array;
  /** The account of its signature, 20 bytes. */
  readonly address: Uint8Array;
}

/**
 * Recovers the signer of an admission by the gateway's machine code. The checker's process may load none, and takes three times
 * as long. It still compares the digest and the account with those that the receipt demands.
 * @returns undefined if the signature belongs to no key.
 */
export function recoverAdmission(
  crypto: Crypto,
  { ledger, admission }: Pick<Receipt, 'ledger' | 'admission'>,
  { validator, orderHash }: Pick<NamedOrder, 'validator' | 'orderHash'>,
): AdmissionSigner | undefined {
  const { epoch, timeMs, signature } = admission;
  const digest = hashAdmission(crypto, ledger, { validator, orderHash, epoch, timeMs });
  const address = crypto.recoverAddress(digest, signature);
  return address && { digest, address };
}

/**
 * Skips three signature checks for the receipt of a reply that this gateway ordered. It signed the order and the progress itself,
 * and checked the ticket's signature when the ticket arrived. All other signatures are checked.
 * @param admitted compared with the digest and the account that the receipt demands. Default: it is recovered here.
 */
export function trustOrdered(
  crypto: Crypto,
  { order, ticket, admission, progress }: Pick<Receipt, 'order' | 'ticket' | 'admission' | 'progress'>,
  admitted?: AdmissionSigner,
): Crypto {
  return {
    ...crypto,
    verifyAddress(digest, signature, address) {
      if (signature === order.signature || signature === progress?.signature) return true;
      const isKnown = signature === admission.signature && admitted !== undefined;
      return isKnown && equalBytes(digest, admitted.digest)
        ? equalBytes(address, admitted.address)
        : crypto.verifyAddress(digest, signature, address);
    },
    verifyEd25519: (signature, message, key) =>
      message === ticket.bytes || crypto.verifyEd25519(signature, message, key),
    verifyMlDsa44: (signature, message, key) =>
      message === ticket.bytes || crypto.verifyMlDsa44(signature, message, key),
  };
}
