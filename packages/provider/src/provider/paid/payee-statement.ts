import type { Clock } from '@ogong/host/time/clock';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { KEY_STATEMENT_LIFETIME_MS, KEY_WORD_RENEWAL_MS } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';

/** The payee that a provider serves for, and its signed statement for the provider's key. */
export interface PayeeSigner {
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** Returns the current statement. */
  get(): Uint8Array;
}

interface PayeeStatementDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly payee: LedgerSigner;
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
}

/**
 * Creates the payee's signed statement for the provider's key. It ends, so that a thief of the key has nothing of the payee once
 * that one stops signing; it is signed anew long before.
 */
export function createPayeeStatement({
  crypto,
  clock,
  payee,
  ledger,
  providerId,
}: PayeeStatementDependencies): PayeeSigner {
  let signedAtMs = Number.NEGATIVE_INFINITY;
  let word = new Uint8Array();
  return {
    payee: payee.address,
    get() {
      const nowMs = clock.nowMs();
      // After a clock was set back, sign anew, too: the statement must not expire later than it says here.
      if (nowMs - signedAtMs < KEY_WORD_RENEWAL_MS && nowMs >= signedAtMs) return word;
      signedAtMs = nowMs;
      word = new Uint8Array(
        signProviderPayee(crypto, payee, { ledger, providerId, validUntilMs: nowMs + KEY_STATEMENT_LIFETIME_MS }),
      );
      return word;
    },
  };
}
