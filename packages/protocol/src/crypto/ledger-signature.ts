import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';

export type LedgerPoint = InstanceType<typeof secp256k1.Point>;

export interface LedgerSignature {
  readonly r: bigint;
  readonly s: bigint;
  /** Whether the y of the signature's point is odd. */
  readonly isOdd: boolean;
}

/**
 * Parses a signature. @param signature r(32) || s(32) || v(1).
 * @returns undefined unless v is 27 or 28, 0 < r < n and 0 < s <= n/2.
 */
export function parseLedgerSignature(signature: Uint8Array): LedgerSignature | undefined {
  const v = signature[64];
  if (signature.length !== 65 || (v !== 27 && v !== 28)) return undefined;
  try {
    const parsed = secp256k1.Signature.fromBytes(signature.subarray(0, 64));
    return parsed.hasHighS() ? undefined : { r: parsed.r, s: parsed.s, isOdd: v === 28 };
  } catch {
    return undefined;
  }
}

/** Recovers the public key that signed a 32-byte digest (SEC 1, 4.1.6); undefined if there is none. */
export function recoverPoint(digest: Uint8Array, signature: Uint8Array): LedgerPoint | undefined {
  const parsed = parseLedgerSignature(signature);
  if (digest.length !== 32 || parsed === undefined) return undefined;
  try {
    return new secp256k1.Signature(parsed.r, parsed.s, parsed.isOdd ? 1 : 0).recoverPublicKey(digest) as LedgerPoint;
  } catch {
    // No point has r as its x, or the key would be the point at infinity.
    return undefined;
  }
}

/** Computes the Ethereum address of a public key, 20 bytes. */
export function toAddress(point: LedgerPoint): Uint8Array {
  return keccak_256(point.toBytes(false).subarray(1)).slice(12);
}
