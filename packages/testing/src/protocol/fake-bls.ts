import { equalBytes } from '@ogong/protocol/base/bytes';
import { BLS_KEY_BYTES, BLS_ORDER, BLS_SIGNATURE_BYTES, type Bls, type BlsKeys } from '@ogong/protocol/crypto/bls';
import { decodeScalar, encodeScalar, evaluatePolynomial, hashToScalar } from '@ogong/protocol/crypto/bls-scalar';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';

/** Marks a point of the fake groups, as the first byte of a compressed point marks a real one. */
const MARK = 0xf0;
/** Marks a point that stands for one outside the subgroup. */
const OUTSIDE = 0xf1;

function encodePoint(scalar: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = MARK;
  bytes.set(encodeScalar(scalar), length - 32);
  return bytes;
}

/** Undefined for infinity, and for bytes that encodePoint does not write. */
function decodePoint(bytes: Uint8Array, length: number): bigint | undefined {
  if (bytes.length !== length || bytes[0] !== MARK) return undefined;
  try {
    const scalar = decodeScalar(bytes.subarray(length - 32));
    return scalar !== 0n && equalBytes(encodePoint(scalar, length), bytes) ? scalar : undefined;
  } catch {
    return undefined;
  }
}

const hashMessage = (message: Uint8Array): bigint => hashToScalar(nobleCrypto, message);
const sum = (terms: readonly bigint[]): bigint => terms.reduce((total, term) => (total + term) % BLS_ORDER, 0n);
/** Points of keys that were decoded here. */
const known = new WeakMap<BlsKeys, readonly bigint[]>();

function scalarsOf(keys: BlsKeys): readonly bigint[] {
  const scalars = known.get(keys) ?? keys.bytes.map((bytes) => decodePoint(bytes, BLS_KEY_BYTES) as bigint);
  known.set(keys, scalars);
  return scalars;
}

/** A point that no decoder accepts, like one outside the subgroup. */
export function encodeFakeOutsider(length: number): Uint8Array {
  const bytes = encodePoint(7n, length);
  bytes[0] = OUTSIDE;
  return bytes;
}

/**
 * BLS without secrecy and without cost: a point is its own discrete logarithm. All linear relations hold, so state machines behave
 * as with the real one. It passes the same compliance suite. For tests and simulations only.
 */
export const fakeBls: Bls = {
  deriveKey: (scalar) => encodePoint(scalar, BLS_KEY_BYTES),
  sign: (scalar, message) => encodePoint((scalar * hashMessage(message)) % BLS_ORDER, BLS_SIGNATURE_BYTES),
  verify(key, message, signature) {
    const [scalar, signed] = [decodePoint(key, BLS_KEY_BYTES), decodePoint(signature, BLS_SIGNATURE_BYTES)];
    return scalar !== undefined && signed === (scalar * hashMessage(message)) % BLS_ORDER;
  },
  decodeKeys(bytes) {
    const scalars = bytes.map((one) => decodePoint(one, BLS_KEY_BYTES));
    if (scalars.includes(undefined)) return undefined;
    const keys = { bytes };
    known.set(keys, scalars as bigint[]);
    return keys;
  },
  evaluateKeys: (keys, at) => encodePoint(evaluatePolynomial(scalarsOf(keys), at), BLS_KEY_BYTES),
  combineKeys(lists, scalars) {
    const columns = lists.map(scalarsOf);
    const sums = columns[0]?.map((_, k) =>
      sum(columns.map((column, i) => (column[k] as bigint) * (scalars[i] as bigint))),
    );
    if (sums === undefined || sums.includes(0n)) return undefined;
    return { bytes: sums.map((scalar) => encodePoint(scalar, BLS_KEY_BYTES)) };
  },
  combineSignatures(signatures, scalars) {
    const terms = signatures.map((bytes) => decodePoint(bytes, BLS_SIGNATURE_BYTES));
    if (terms.length === 0 || terms.includes(undefined)) return undefined;
    const total = sum(terms.map((term, i) => (term as bigint) * (scalars[i] as bigint)));
    return total === 0n ? undefined : encodePoint(total, BLS_SIGNATURE_BYTES);
  },
};
