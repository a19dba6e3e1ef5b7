import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { KemKey, SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { SEAL_KEY_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';
import type { Clock } from '../time/clock.ts';

/** Keys that others seal to. They live in memory alone, so that none outlives its time on a disk (docs/adr/sealing.md). */
export interface RotatingSealKeys<T> {
  /** Announcement of the newest key. A new key is made if the newest one is old. */
  current(): T;
  /** The key that a hash names; undefined once it is erased. */
  find(hash: Uint8Array): Pick<KemKey, 'decapsulate'> | undefined;
}

/** Data of a new key that its owner announces. */
export interface FreshSealKey {
  readonly publicKey: Uint8Array;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** A sender that has fetched a key can use it for at least half an hour. */
const RENEWED_AFTER_MS = SEAL_KEY_LIFETIME_MS / 2;
/** Time after its end in which a key still opens messages that were on their way. */
const GRACE_MS = 60_000;
const SECRET_BYTES = 32;

/** @param describe returns the encoded key, whose hash names it, and its announcement. */
export function createRotatingSealKeys<T>({
  crypto,
  seal,
  clock,
  describe,
}: {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly seal: SealPrimitives;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly describe: (key: FreshSealKey) => { readonly sealKey: Uint8Array; readonly said: T };
}): RotatingSealKeys<T> {
  const held = new Map<string, { readonly key: KemKey; readonly expiresAtMs: number }>();
  let newest: { readonly said: T; readonly issuedAtMs: number } | undefined;

  function make(issuedAtMs: number) {
    const key = seal.openKemKey(seal.random(SECRET_BYTES));
    const expiresAtMs = issuedAtMs + SEAL_KEY_LIFETIME_MS;
    const { sealKey, said } = describe({ publicKey: key.publicKey, issuedAtMs, expiresAtMs });
    held.set(toHex(hashSealKey(crypto, sealKey)), { key, expiresAtMs });
    return { said, issuedAtMs };
  }

  function sweep(nowMs: number): void {
    for (const [name, { expiresAtMs }] of held) if (expiresAtMs + GRACE_MS <= nowMs) held.delete(name);
  }

  return {
    current() {
      const nowMs = clock.nowMs();
      sweep(nowMs);
      if (newest === undefined || newest.issuedAtMs + RENEWED_AFTER_MS <= nowMs) newest = make(nowMs);
      return newest.said;
    },
    find(hash) {
      sweep(clock.nowMs());
      return held.get(toHex(hash))?.key;
    },
  };
}
