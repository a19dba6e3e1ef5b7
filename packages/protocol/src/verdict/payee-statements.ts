import { concatBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { readPayeeStatement, verifyProviderPayee } from '../exchange/provider-payee.ts';

/** A payee's signed statement for a provider's key, as it comes with a reply (docs/spec/announcement.md). */
export interface PayeeStatement {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** PAYEE_STATEMENT_BYTES bytes, or the bytes that came. */
  readonly payeeWord: Uint8Array;
  /** The order's expiry, Unix time in ms. The statement must be valid until then. */
  readonly untilMs: number;
}

export type CheckPayeeStatement = (word: PayeeStatement) => boolean;

const KEPT = 4096;

/**
 * Creates a verifier of statements. One signature serves all replies of a key, and its check costs more than all other checks
 * of a reply. So valid ones are remembered.
 */
export function createPayeeStatements(crypto: Crypto, ledger: LedgerDomain): CheckPayeeStatement {
  const held = new Set<string>();
  return (word) => {
    const read = readPayeeStatement(word.payeeWord);
    if (read === undefined || read.validUntilMs < word.untilMs) return false;
    const name = toHex(concatBytes(word.providerId, word.payee, word.payeeWord));
    if (held.has(name)) return true;
    if (!verifyProviderPayee(crypto, ledger, word)) return false;
    if (held.size >= KEPT) held.delete(held.values().next().value as string);
    held.add(name);
    return true;
  };
}
