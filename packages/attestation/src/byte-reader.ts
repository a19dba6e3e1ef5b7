import { EvidenceError } from './evidence-error.ts';

/** Reads little-endian structures of vendors from their first byte on. Every method throws EvidenceError where the bytes end early. */
export interface ByteReader {
  readonly at: number;
  take(count: number): Uint8Array;
  u8(): number;
  u16(): number;
  u24(): number;
  u32(): number;
}

export function createByteReader(bytes: Uint8Array, what: string): ByteReader {
  let at = 0;
  const take = (count: number): Uint8Array => {
    if (count > bytes.length - at) throw new EvidenceError(`${what} ends after ${bytes.length} bytes`);
    at += count;
    return bytes.subarray(at - count, at);
  };
  const integer = (size: number): number => take(size).reduceRight((value, byte) => value * 256 + byte, 0);
  return {
    get at() {
      return at;
    },
    take,
    u8: () => integer(1),
    u16: () => integer(2),
    u24: () => integer(3),
    u32: () => integer(4),
  };
}

/** A copy that Web Cryptography takes. */
export const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

export async function digest(algorithm: 'SHA-256' | 'SHA-384', ...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest(algorithm, whole));
}
