import { isSmallOrder } from '@ogong/protocol/crypto/small-order';

/**
 * Checks what OpenSSL does not check: the key is 32 bytes, y is reduced (< 2^255 - 19), and the point is not of small order.
 * OpenSSL checks that it is on the curve.
 */
export function isAcceptableEd25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  // A copy, of a Buffer, too, whose slice would be a view of it.
  const y = Uint8Array.from(publicKey);
  y[31] = (y[31] as number) & 0x7f;
  return isReduced(y) && !isSmallOrder(y);
}

function isReduced(y: Uint8Array): boolean {
  if (y[31] !== 0x7f || (y[0] as number) < 0xed) return true;
  return y.subarray(1, 31).some((byte) => byte !== 0xff);
}
