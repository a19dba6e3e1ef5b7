/**
 * The primitives that the protocol needs. The protocol never chooses an implementation: daemons pass one over node:crypto,
 * browsers and tests the one in `noble.ts`. All functions are synchronous and never throw on hostile input. A malformed key or
 * signature verifies as false (or recovers to undefined).
 */
export interface Crypto {
  /** SHA-256 of the concatenation of the parts, 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** Keccak-256, 32 bytes. */
  keccak256(data: Uint8Array): Uint8Array;
  /** Verifies RFC 8032 Ed25519 by the strict rule of docs/spec/bytes.md (not ZIP-215): 32-byte key, 64-byte signature. */
  verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** Verifies FIPS 204 ML-DSA-44 with empty context: 1312-byte key, 2420-byte signature. */
  verifyMlDsa44(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /**
   * Returns the Ethereum address (20 bytes) that signed the digest. The signature is r(32) || s(32) || v(1, 27 or 28), low s
   * only.
   */
  recoverAddress(digest: Uint8Array, signature: Uint8Array): Uint8Array | undefined;
  /** Returns whether recoverAddress finds this address. An implementation may be faster for addresses that sign often. */
  verifyAddress(digest: Uint8Array, signature: Uint8Array, address: Uint8Array): boolean;
  /** Returns the 64-byte output if the proof holds for key and input, otherwise undefined. Source: RFC 9381 (vrf.ts). */
  verifyVrf(publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array): Uint8Array | undefined;
  /** Known keys that sign orders for accounts. Default: only an account's own key signs for it. */
  readonly orderKeys?: OrderKeys;
  /**
   * Verifies a 96-byte signature under a 48-byte key (bls.ts); false for points that are malformed, infinity or outside the
   * subgroup.
   */
  verifyBls(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Keys that sign orders for other accounts (docs/spec/settlement.md#keys-of-payers), as far as the reader knows them. */
export interface OrderKeys {
  /**
   * Returns the highest sum, atomic units, up to which the key's orders count at that validator; undefined for an unknown key.
   */
  limitOf(payer: Uint8Array, validator: Uint8Array, key: Uint8Array): bigint | undefined;
}

/** A holder of an Ed25519 and an ML-DSA-44 key; see hybrid.ts for the layout. */
export interface HybridSigner {
  /** Ed25519 public key (32) || ML-DSA-44 public key (1312). */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature (64) || ML-DSA-44 signature (2420). */
  sign(message: Uint8Array): Uint8Array;
  /** Signs the same in parallel to other work, if the platform has threads for it. */
  signAside?(message: Uint8Array): Promise<Uint8Array>;
}

/** A holder of an Ed25519 key, such as the session key of a shard. */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Signs by RFC 8032, 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** A holder of a secp256k1 key: payers, validators and routers on the ledger. */
export interface LedgerSigner {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** r(32) || s(32) || v(1, 27 or 28), low s, over a 32-byte digest. */
  signDigest(digest: Uint8Array): Uint8Array;
}
