import { toHex } from '@ogong/protocol/base/bytes';

/** y coordinates (little endian) of the eight points of small order: a signature under them proves nothing. */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/**
 * What OpenSSL does not look at: the key is 32 bytes, y is reduced (< 2^255 - 19), and the point is not of small
 * order. Whether it is on the curve is left to OpenSSL.
 */
export function isAcceptableEd25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  const y = publicKey.slice();
  y[31] = (y[31] as number) & 0x7f;
  return isReduced(y) && !SMALL_ORDER_Y.has(toHex(y));
}

function isReduced(y: Uint8Array): boolean {
  if (y[31] !== 0x7f || (y[0] as number) < 0xed) return true;
  return y.subarray(1, 31).some((byte) => byte !== 0xff);
}
