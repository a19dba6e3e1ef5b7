import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { KemKey, SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { SEAL_KEY_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { hashSealKey, type SignedSealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';

/** Keys that requests are sealed to. They live in memory alone, so that none outlives its time on a disk (docs/adr/0059-sealing.md). */
export interface SealKeys {
  /** The newest one, made when somebody asks and it is old. */
  current(): SignedSealKey;
  /** The key that a hash names; undefined once it is erased. */
  find(hash: Uint8Array): Pick<KemKey, 'decapsulate'> | undefined;
}

interface HeldKey {
  readonly key: KemKey;
  readonly signed: SignedSealKey;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Whoever has fetched one can use it for at least half an hour. */
const RENEWED_AFTER_MS = SEAL_KEY_LIFETIME_MS / 2;
/** How long after its end a key still opens: requests are on their way. */
const GRACE_MS = 60_000;
const SECRET_BYTES = 32;

export function createSealKeys({
  crypto,
  seal,
  signer,
  clock,
  ledger,
  providerId,
}: {
  readonly crypto: Crypto;
  readonly seal: SealPrimitives;
  readonly signer: HybridSigner;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
}): SealKeys {
  const held = new Map<string, HeldKey>();
  let newest: HeldKey | undefined;

  function make(issuedAtMs: number): HeldKey {
    const key = seal.openKemKey(seal.random(SECRET_BYTES));
    const expiresAtMs = issuedAtMs + SEAL_KEY_LIFETIME_MS;
    const signed = signSealKey(signer, {
      ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, providerId },
      // Grows from one start of this process to the next, too.
      ...{ sequence: BigInt(issuedAtMs), issuedAtMs, expiresAtMs, key: key.publicKey },
    });
    return { key, signed, issuedAtMs, expiresAtMs };
  }

  function sweep(nowMs: number): void {
    for (const [name, { expiresAtMs }] of held) if (expiresAtMs + GRACE_MS <= nowMs) held.delete(name);
  }

  return {
    current() {
      const nowMs = clock.nowMs();
      sweep(nowMs);
      if (newest === undefined || newest.issuedAtMs + RENEWED_AFTER_MS <= nowMs) {
        newest = make(nowMs);
        held.set(toHex(hashSealKey(crypto, newest.signed.sealKey)), newest);
      }
      return newest.signed;
    },
    find(hash) {
      sweep(clock.nowMs());
      return held.get(toHex(hash))?.key;
    },
  };
}
