/** libsecp256k1, in one of its builds. Callers check the lengths and the form of signatures before (`ledger-crypto.ts`). */
export interface LedgerLibrary {
  /**
   * Recovers the public key that signed a digest.
   * @param digest 32 bytes.
   * @param signature r(32) || s(32), both above 0 and below the order.
   * @param recoveryId 1 if the y of the signature's point is odd.
   * @returns 65 bytes; undefined if there is no such key.
   */
  recover(digest: Uint8Array, signature: Uint8Array, recoveryId: 0 | 1): Uint8Array | undefined;
  /**
   * Signs a digest with a nonce of RFC 6979 and a low s.
   * @param digest 32 bytes.
   * @returns r(32) || s(32), and the recovery id.
   * @throws Error on other lengths.
   */
  sign(digest: Uint8Array, privateKey: Uint8Array): { readonly signature: Uint8Array; readonly recoveryId: number };
  /**
   * Computes the public key of a private key.
   * @returns 65 bytes; undefined if the private key is 0 or not below the order.
   */
  toPublicKey(privateKey: Uint8Array): Uint8Array | undefined;
}
