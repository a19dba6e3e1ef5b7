import type { Crypto } from './crypto.ts';
import { findKeccakKernel } from './keccak-kernel.ts';
import { nobleCrypto } from './noble.ts';
import { findSha256Kernel } from './sha256-kernel.ts';

/** The noble libraries with SHA-256 and Keccak in WebAssembly where the host runs it: for browsers that check whole replies. */
export const quickCrypto: Crypto = {
  ...nobleCrypto,
  sha256: (...parts) => findSha256Kernel()?.hash(parts) ?? nobleCrypto.sha256(...parts),
  keccak256: (data) => findKeccakKernel()?.(data) ?? nobleCrypto.keccak256(data),
};
