import { createWriter } from '../base/bytes.ts';
import type { Crypto } from './crypto.ts';

const HASH_SPACE = 1n << 256n;

/**
 * Draws an integer in 0..bound-1, exactly uniform if the seeds are uniform. It reads SHA-256(seed || u32be counter) as a
 * 256-bit number. The first one below the largest multiple of the bound counts.
 * @param seed 32 bytes, already bound to its purpose by a domain tag.
 * @throws RangeError unless 1 <= bound <= 2^128.
 */
export function drawInteger(crypto: Crypto, seed: Uint8Array, bound: bigint): bigint {
  if (bound < 1n || bound > 1n << 128n) throw new RangeError(`no integer below ${bound}`);
  const limit = HASH_SPACE - (HASH_SPACE % bound);
  for (let counter = 0; ; counter++) {
    const digest = crypto.sha256(createWriter(36).bytes(seed, 32).u32(counter).finish());
    let value = 0n;
    for (const byte of digest) value = (value << 8n) | BigInt(byte);
    if (value < limit) return value % bound;
  }
}
