import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
/** A generator of the eight points of small order. */
const TORSION = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');

/** Cases in which verifiers of Ed25519 disagree: `vectors/ed25519.json`. The key is one point plus a point of small order. */
export function createSignatureVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const { scalar, point } = ed25519.utils.getExtendedPublicKey(new Uint8Array(32).fill(0x21));
  const torsions = Array.from({ length: 8 }, (_, i) => (i === 0 ? Point.ZERO : TORSION.multiplyUnsafe(BigInt(i))));
  /** A textbook signature for any public key: R = nonce * B + torsion, S = nonce + k * scalar. */
  const sign = (publicKey: Uint8Array, nonce: bigint, torsion: typeof TORSION, text: string): Uint8Array => {
    const r = Point.BASE.multiplyUnsafe(nonce).add(torsion).toBytes();
    const k = bytesToNumberLE(sha512(concatBytes(r, publicKey, utf8Encode(text)))) % ORDER;
    return concatBytes(r, numberToBytesLE((nonce + k * scalar) % ORDER, 32));
  };
  const cases: [what: string, publicKey: Uint8Array, signature: Uint8Array, text: string][] = [];
  for (const [i, inKey] of torsions.entries()) {
    for (const [j, inR] of torsions.entries()) {
      const key = point.add(inKey).toBytes();
      // With nonce 0, R is a point of small order.
      for (const nonce of [0n, 12_345n]) {
        const text = `${i} ${j}`;
        const what = `torsion ${i} in the key, ${j} in R, nonce ${nonce}`;
        cases.push([what, key, sign(key, nonce, inR, text), text]);
      }
    }
    const small = inKey.toBytes();
    cases.push([`a key of small order ${i}`, small, concatBytes(Point.BASE.toBytes(), numberToBytesLE(1n, 32)), '']);
  }
  // k * torsion + torsion in R vanishes for about every eighth message. Mixed order alone is no reason to refuse.
  for (let n = 0; n < 24; n++) {
    const key = point.add(TORSION).toBytes();
    cases.push([`torsion in the key alone, message ${n}`, key, sign(key, 7n, Point.ZERO, `${n}`), `${n}`]);
  }
  const key = point.toBytes();
  const good = sign(key, 99n, Point.ZERO, 'good');
  const s = bytesToNumberLE(good.slice(32));
  const withS = (value: bigint): Uint8Array => concatBytes(good.slice(0, 32), numberToBytesLE(value, 32));
  const signed = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 31 ? byte | 0x80 : byte));
  // y = 1 + p encodes y = 1.
  const unreduced = Uint8Array.from(
    { length: 32 },
    (_, i) => [0xee, ...Array<number>(30).fill(0xff), 0x7f][i] as number,
  );
  cases.push(
    ['a usual signature', key, good, 'good'],
    ['another message', key, good, 'bad'],
    ['S one group order higher', key, withS(s + ORDER), 'good'],
    ['the identity as key, with a sign', signed(Point.ZERO.toBytes()), good, 'good'],
    ['the identity as R, with a sign', key, concatBytes(signed(Point.ZERO.toBytes()), good.slice(32)), 'good'],
    ['a key that is not reduced', unreduced, concatBytes(Point.BASE.toBytes(), numberToBytesLE(1n, 32)), ''],
    ['an R that is not reduced', key, concatBytes(unreduced, good.slice(32)), 'good'],
  );
  return {
    ed25519: cases.map(([what, publicKey, signature, text]) => ({
      what,
      ...{ publicKey: toHex(publicKey), message: toHex(utf8Encode(text)), signature: toHex(signature) },
      isValid: crypto.verifyEd25519(signature, utf8Encode(text), publicKey),
    })),
  };
}
