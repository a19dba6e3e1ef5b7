/**
 * Sizes of BLS12-381 in the threshold beacon: keys in G1 (48 bytes), signatures in G2 (96 bytes). Both are compressed as in the
 * ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ of draft-irtf-cfrg-bls-signature. The implementation is a parameter
 * of the protocol, as with `Crypto`: `noble-bls.ts` is the reference, daemons have a faster one. No function here throws on
 * hostile bytes.
 */
export const BLS_KEY_BYTES = 48;
export const BLS_SIGNATURE_BYTES = 96;
/** The order r of both groups. Scalars are bigints in 0..r-1. */
export const BLS_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
/** The domain that separates hashes to the curve from those of other schemes. */
export const BLS_DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';

/** Points of G1 that were checked when they were decoded: on the curve, in the subgroup of order r, not infinity. */
export interface BlsKeys {
  readonly bytes: readonly Uint8Array[];
}

export interface Bls {
  /** Computes scalar * generator of G1. Zero gives the encoding of infinity, which no other function here accepts as a key. */
  deriveKey(scalar: bigint): Uint8Array;
  /** Computes scalar * H(message). @param scalar 1..r-1. */
  sign(scalar: bigint, message: Uint8Array): Uint8Array;
  /** Returns false for a key or a signature that is malformed, infinity or outside the subgroup. */
  verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Returns undefined if any point is malformed, infinity or outside the subgroup. */
  decodeKeys(points: readonly Uint8Array[]): BlsKeys | undefined;
  /**
   * Evaluates the polynomial in the exponent at a small place: sum of keys[k] * at^k. @param at 1..2^16-1. @returns 48 bytes,
   * which may be infinity.
   */
  evaluateKeys(keys: BlsKeys, at: number): Uint8Array;
  /**
   * Combines lists item by item: sum over the lists of lists[i][k] * scalars[i]. Undefined if a sum is infinity. @param lists
   * of equal length, at least one.
   */
  combineKeys(lists: readonly BlsKeys[], scalars: readonly bigint[]): BlsKeys | undefined;
  /**
   * Computes the sum of signatures[i] * scalars[i]. Undefined if a signature is malformed, infinity or outside the subgroup, or
   * the sum is infinity.
   */
  combineSignatures(signatures: readonly Uint8Array[], scalars: readonly bigint[]): Uint8Array | undefined;
}
