import { concatBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { readPayeeWord, verifyProviderPayee } from '../exchange/provider-payee.ts';

/** A payee's word for a provider's key, as it comes with a reply (docs/spec/announcement.md). */
export interface PayeeWord {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** PAYEE_WORD_BYTES, or whatever came. */
  readonly payeeWord: Uint8Array;
  /** The order's expiry: the word must not be over before, Unix time in ms. */
  readonly untilMs: number;
}

export type CheckPayeeWord = (word: PayeeWord) => boolean;

const KEPT = 4096;

/**
 * One signature serves all replies of a key, and its check costs more than all other checks of a reply. So valid ones are
 * remembered.
 */
export function createPayeeWords(crypto: Crypto, ledger: LedgerDomain): CheckPayeeWord {
  const held = new Set<string>();
  return (word) => {
    const read = readPayeeWord(word.payeeWord);
    if (read === undefined || read.validUntilMs < word.untilMs) return false;
    const name = toHex(concatBytes(word.providerId, word.payee, word.payeeWord));
    if (held.has(name)) return true;
    if (!verifyProviderPayee(crypto, ledger, word)) return false;
    if (held.size >= KEPT) held.delete(held.values().next().value as string);
    held.add(name);
    return true;
  };
}
