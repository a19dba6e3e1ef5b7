import { concatBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { verifyProviderPayee } from '../exchange/provider-payee.ts';

/** A payee's word for a provider's key, as it comes with a reply (docs/spec/announcement.md). */
export interface PayeeWord {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** 65 bytes, or whatever came. */
  readonly payeeSignature: Uint8Array;
}

export type CheckPayeeWord = (word: PayeeWord) => boolean;

const KEPT = 4096;
const WORD_BYTES = 65;

/**
 * One signature serves all replies of a key, and its check costs more than all other checks of a reply. So valid ones are
 * remembered.
 */
export function createPayeeWords(crypto: Crypto, ledger: LedgerDomain): CheckPayeeWord {
  const held = new Set<string>();
  return (word) => {
    if (word.payeeSignature.length !== WORD_BYTES) return false;
    const name = toHex(concatBytes(word.providerId, word.payee, word.payeeSignature));
    if (held.has(name)) return true;
    if (!verifyProviderPayee(crypto, ledger, word)) return false;
    if (held.size >= KEPT) held.delete(held.values().next().value as string);
    held.add(name);
    return true;
  };
}
