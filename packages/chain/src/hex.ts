import { ChainError } from './errors.ts';

/** 0x-prefixed; this package hands out lower case only, so that two equal values are equal strings. */
export type Hex = `0x${string}`;
export type Address = Hex;

/** Bytes in a form that callers may pass. */
export type BytesLike = Uint8Array | Hex;

const hexPattern = /^0x(?:[0-9a-fA-F]{2})*$/;

export function bytesToHex(bytes: Uint8Array): Hex {
  // No Buffer: the client runs in browsers too.
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/**
 * Lower-case hex of bytes or hex.
 * @param sizeBytes exact size, where one is demanded.
 * @throws ChainError 'bad-input' naming the field.
 */
export function toHex(value: BytesLike, field: string, sizeBytes?: number): Hex {
  const hex = typeof value === 'string' ? (value.toLowerCase() as Hex) : bytesToHex(value);
  if (!hexPattern.test(hex)) throw new ChainError('bad-input', `${field} is not hexadecimal`);
  if (sizeBytes !== undefined && hex.length !== 2 + 2 * sizeBytes) {
    throw new ChainError('bad-input', `${field} has ${hex.length / 2 - 1} bytes, expected ${sizeBytes}`);
  }
  return hex;
}

export function toAddress(value: BytesLike, field: string): Address {
  return toHex(value, field, 20);
}

/** A copy of a decoded value with every hex string in it in lower case. */
export function lowerHex<T>(value: T): T {
  if (typeof value === 'string') return (hexPattern.test(value) ? value.toLowerCase() : value) as T;
  if (Array.isArray(value)) return value.map((item) => lowerHex(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, lowerHex(item)])) as T;
}
