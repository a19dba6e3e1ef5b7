import { hash } from 'node:crypto';

/** SHA-256 for the protocol's functions, natively. */
export const nativeHash = {
  sha256: (...parts: readonly Uint8Array[]): Uint8Array =>
    hash('sha256', parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts), 'buffer'),
};
