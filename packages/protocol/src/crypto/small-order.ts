import { toHex } from '../base/bytes.ts';

/**
 * The y coordinates, little-endian, of the eight points of edwards25519 whose order divides 8: 0, 1, -1 and two of order 8.
 * Anyone can sign under a key of small order. If R has small order, the signature says nothing about its nonce, and libraries
 * disagree on whether it is valid.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** Returns whether 32 bytes with a reduced y encode a point of small order, for any sign of x. */
export function isSmallOrder(encoded: Uint8Array): boolean {
  const y = encoded.slice();
  y[31] = (y[31] as number) & 0x7f;
  return SMALL_ORDER_Y.has(toHex(y));
}
