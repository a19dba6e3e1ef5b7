import { createWriter, ProtocolError } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { Crypto } from '../../crypto/crypto.ts';

const DOMAIN = encodeDomain('ogong-latent-noise-v1');
/** Draws of 16 bits for each value: their sum has nearly the shape of a normal distribution, and its variance is 1. */
const DRAWS = 12;
const MEAN = (DRAWS * 0xffff) / 2;

/** The most values of a latent. */
export const MAX_LATENT_VALUES = 1 << 26;

/** Values between two pauses: a millisecond or a few of work. */
const PAUSE_VALUES = 1 << 14;

/**
 * Computes the noise that a trajectory begins with, from the draw key of the reply. Sums of integers need no logarithm or cosine, which
 * implementations round differently.
 * @param key 32 bytes.
 * @param count values, 1..MAX_LATENT_VALUES.
 */
export function createLatentNoise(crypto: Crypto, key: Uint8Array, count: number): Float32Array {
  const walk = walkNoise(crypto, key, count);
  let at = walk.next();
  while (!at.done) at = walk.next();
  return at.value;
}

/** Computes the same, and yields from time to time, so that its caller can pause. */
export function* walkNoise(
  crypto: Crypto,
  key: Uint8Array,
  count: number,
): Generator<undefined, Float32Array, unknown> {
  if (!Number.isInteger(count) || count < 1 || count > MAX_LATENT_VALUES)
    throw new ProtocolError('out-of-range', `${count} values of noise`);
  const noise = new Float32Array(count);
  const head = createWriter(DOMAIN.length + 36)
    .bytes(DOMAIN)
    .bytes(key, 32)
    .u32(0)
    .finish();
  for (let from = 0; from < count; from += PAUSE_VALUES) {
    if (from > 0) yield;
    fillNoise(crypto, head, { noise, from, to: Math.min(count, from + PAUSE_VALUES) });
  }
  return noise;
}

const BLOCK_BYTES = 32;

/** @param head the hashed message; its last four bytes count the blocks. @param range.from a multiple of 4, where a block begins. */
function fillNoise(
  crypto: Crypto,
  head: Uint8Array,
  { noise, from, to }: { readonly noise: Float32Array; readonly from: number; readonly to: number },
): void {
  const counter = new DataView(head.buffer, head.byteOffset + head.length - 4, 4);
  let block: Uint8Array = new Uint8Array(0);
  let blocks = (from * DRAWS * 2) / BLOCK_BYTES;
  let at = 0;
  for (let i = from; i < to; i++) {
    let sum = 0;
    for (let draw = 0; draw < DRAWS; draw++) {
      if (at === block.length) {
        counter.setUint32(0, blocks++);
        block = crypto.sha256(head);
        at = 0;
      }
      sum += ((block[at] as number) << 8) | (block[at + 1] as number);
      at += 2;
    }
    noise[i] = (sum - MEAN) / 65_536;
  }
}
