/**
 * The primitives that the protocol needs. The protocol never chooses an implementation: daemons pass one over node:crypto,
 * browsers and tests the one in `noble.ts`. All functions are synchronous and never throw on hostile input: a malformed key or
 * signature verifies as false (or recovers to undefined).
 */
export interface Crypto {
  /** SHA-256 of the concatenation of the parts, 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** Keccak-256, 32 bytes. */
  keccak256(data: Uint8Array): Uint8Array;
  /** RFC 8032 Ed25519 by the strict rule of docs/spec/bytes.md (not ZIP-215): 32-byte key, 64-byte signature. */
  verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** FIPS 204 ML-DSA-44, empty context: 1312-byte key, 2420-byte signature. */
  verifyMlDsa44(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** Ethereum address (20 bytes) that signed the digest; signature is r(32) || s(32) || v(1, 27 or 28), low s only. */
  recoverAddress(digest: Uint8Array, signature: Uint8Array): Uint8Array | undefined;
  /** Whether recoverAddress finds this address. An implementation may be faster for addresses that sign often. */
  verifyAddress(digest: Uint8Array, signature: Uint8Array, address: Uint8Array): boolean;
  /** RFC 9381 (vrf.ts): the 64-byte output where the proof holds for key and input, otherwise undefined. */
  verifyVrf(publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array): Uint8Array | undefined;
  /** Default: an account's own key alone signs for it. */
  readonly orderKeys?: OrderKeys;
  /** bls.ts: a 96-byte signature under a 48-byte key; false for points that are malformed, infinity or outside the subgroup. */
  verifyBls(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Keys that sign orders for other accounts (docs/spec/settlement.md#keys-of-payers), as whoever checks has learned of them. */
export interface OrderKeys {
  /** Up to how much the key's orders count at that validator, atomic units; undefined where nothing is known of it. */
  limitOf(payer: Uint8Array, validator: Uint8Array, key: Uint8Array): bigint | undefined;
}

/** A holder of an Ed25519 and an ML-DSA-44 key; see hybrid.ts for the layout. */
export interface HybridSigner {
  /** Ed25519 public key (32) || ML-DSA-44 public key (1312). */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature (64) || ML-DSA-44 signature (2420). */
  sign(message: Uint8Array): Uint8Array;
  /** The same beside other work, where the platform has threads for it. */
  signAside?(message: Uint8Array): Promise<Uint8Array>;
}

/** A holder of a secp256k1 key: payers, validators and routers on the ledger. */
export interface LedgerSigner {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** r(32) || s(32) || v(1, 27 or 28), low s, over a 32-byte digest. */
  signDigest(digest: Uint8Array): Uint8Array;
}
