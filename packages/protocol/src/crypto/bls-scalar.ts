import { ProtocolError } from '../base/bytes.ts';
import type { Codec } from '../base/codec.ts';
import { BLS_ORDER } from './bls.ts';
import type { Crypto } from './crypto.ts';

/**
 * Bytes of a scalar: an integer modulo the order of the groups. The arithmetic is not in constant time. Secret scalars are used
 * once an era, and remote timing cannot observe them.
 */
export const SCALAR_BYTES = 32;

export function reduceScalar(value: bigint): bigint {
  const rest = value % BLS_ORDER;
  return rest < 0n ? rest + BLS_ORDER : rest;
}

/** Encodes a scalar as 32 big-endian bytes. */
export function encodeScalar(scalar: bigint): Uint8Array {
  const bytes = new Uint8Array(SCALAR_BYTES);
  let rest = scalar;
  for (let i = SCALAR_BYTES - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

function toInteger(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** @throws ProtocolError for another length, or a number that is not below the order. */
export function decodeScalar(bytes: Uint8Array): bigint {
  const value = bytes.length === SCALAR_BYTES ? toInteger(bytes) : BLS_ORDER;
  if (value >= BLS_ORDER) throw new ProtocolError('out-of-range', 'no scalar');
  return value;
}

/** A scalar as 32 bytes, below the order. */
export const scalarCodec: Codec<bigint> = {
  write: (writer, value) => writer.bytes(encodeScalar(value), SCALAR_BYTES),
  read: (reader) => decodeScalar(reader.bytes(SCALAR_BYTES)),
};

/**
 * Hashes to a scalar, uniform in 1..r-1 up to a bias of 2^-256: 64 bytes of SHA-256 of the parts under two prefixes, reduced.
 */
export function hashToScalar(crypto: Pick<Crypto, 'sha256'>, ...parts: readonly Uint8Array[]): bigint {
  const [high, low] = [0, 1].map((prefix) => toInteger(crypto.sha256(Uint8Array.of(prefix), ...parts)));
  return ((((high as bigint) << 256n) | (low as bigint)) % (BLS_ORDER - 1n)) + 1n;
}

/** Inverts a scalar that is not zero, by Euclid's algorithm. @throws RangeError for zero. */
export function invertScalar(scalar: bigint): bigint {
  let [a, b] = [reduceScalar(scalar), BLS_ORDER];
  if (a === 0n) throw new RangeError('zero has no inverse');
  let [x, y] = [1n, 0n];
  while (a !== 0n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
  }
  return reduceScalar(y);
}

/** Computes the sum of coefficients[k] * at^k, modulo the order. */
export function evaluatePolynomial(coefficients: readonly bigint[], at: number): bigint {
  const place = BigInt(at);
  return coefficients.reduceRight((sum, coefficient) => reduceScalar(sum * place + coefficient), 0n);
}

/**
 * Computes the weights that give the value at zero of a polynomial with a degree below the number of places.
 * @param places distinct, from 1.
 * @throws RangeError if two places are equal.
 */
export function computeLagrangeWeights(places: readonly number[]): bigint[] {
  if (new Set(places).size !== places.length) throw new RangeError('a place is named twice');
  return places.map((own) => {
    let [over, under] = [1n, 1n];
    for (const other of places) {
      if (other === own) continue;
      over = (over * BigInt(other)) % BLS_ORDER;
      under = reduceScalar(under * BigInt(other - own));
    }
    return (over * invertScalar(under)) % BLS_ORDER;
  });
}
