import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from '../base/bytes.ts';

/**
 * Proof size of ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381 (suite 0x03). It is a keyed hash that anyone can check and only the
 * key's holder can compute. The validators' beacon contributions are such proofs.
 */
export const VRF_PROOF_BYTES = 80;

const { Point } = ed25519;
type Point = typeof Point.BASE;

const ORDER = Point.Fn.ORDER;
const SUITE = 0x03;
const POINT_BYTES = 32;
const CHALLENGE_BYTES = 16;
const DOMAIN_END = Uint8Array.of(0);

/** Computes the Ed25519 public key of a 32-byte secret seed. */
export function computeVrfPublicKey(secretKey: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(secretKey);
}

/**
 * Proves the output of `alpha` under this key (`computeVrfOutput`); deterministic.
 * @param secretKey 32-byte Ed25519 seed.
 * @returns 80 bytes: Gamma (32) || c (16, little-endian) || s (32, little-endian).
 * Source: RFC 9381 section 5.1, nonce of section 5.4.2.2.
 */
export function proveVrf(secretKey: Uint8Array, alpha: Uint8Array): Uint8Array {
  const { scalar, prefix, point, pointBytes } = ed25519.utils.getExtendedPublicKey(secretKey);
  const h = hashToCurve(pointBytes, alpha);
  const gamma = h.multiply(scalar);
  const nonce = Point.Fn.create(bytesToNumberLE(sha512(concatBytes(prefix, h.toBytes()))));
  const challenge = computeChallenge([point, h, gamma, Point.BASE.multiply(nonce), h.multiply(nonce)]);
  const response = Point.Fn.create(nonce + bytesToNumberLE(challenge) * scalar);
  return concatBytes(gamma.toBytes(), challenge, numberToBytesLE(response, 32));
}

/**
 * Verifies a proof. It never throws on hostile bytes. Keys and points decode strictly (RFC 8032, no ZIP-215), keys of small
 * order are refused, and s must be below the group order. Without these rules a proof could be malleable, or a key could prove
 * more than one output.
 * @returns the 64-byte output if the proof holds for key and input, otherwise undefined.
 * Source: RFC 9381 sections 5.3, 5.4.5.
 */
export function verifyVrf(publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array): Uint8Array | undefined {
  const key = decodePoint(publicKey);
  const parts = decodeProof(proof);
  if (key === undefined || key.isSmallOrder() || parts === undefined) return undefined;
  const { gamma, challenge, response } = parts;
  const c = bytesToNumberLE(challenge);
  const h = hashToCurve(publicKey, alpha);
  const u = Point.BASE.multiplyUnsafe(response).subtract(key.multiplyUnsafe(c));
  const v = h.multiplyUnsafe(response).subtract(gamma.multiplyUnsafe(c));
  return equalBytes(computeChallenge([key, h, gamma, u, v]), challenge) ? hashGamma(gamma) : undefined;
}

/**
 * Computes the output of a proof WITHOUT checking it. Use it only for a proof that this process made or has verified.
 * @returns 64 bytes; undefined if the proof does not decode.
 * Source: RFC 9381 section 5.2.
 */
export function computeVrfOutput(proof: Uint8Array): Uint8Array | undefined {
  const parts = decodeProof(proof);
  return parts === undefined ? undefined : hashGamma(parts.gamma);
}

function hashGamma(gamma: Point): Uint8Array {
  return sha512(concatBytes(Uint8Array.of(SUITE, 3), gamma.clearCofactor().toBytes(), DOMAIN_END));
}

// RFC 9381 section 5.4.1.1. It takes about two attempts on average; 256 misses have a chance of 2^-256.
function hashToCurve(publicKey: Uint8Array, alpha: Uint8Array): Point {
  for (let counter = 0; counter < 256; counter++) {
    const digest = sha512(concatBytes(Uint8Array.of(SUITE, 1), publicKey, alpha, Uint8Array.of(counter), DOMAIN_END));
    const point = decodePoint(digest.subarray(0, POINT_BYTES))?.clearCofactor();
    if (point !== undefined && !point.is0()) return point;
  }
  throw new Error('no curve point in 256 attempts');
}

function computeChallenge(points: readonly Point[]): Uint8Array {
  const encoded = points.map((point) => point.toBytes());
  return sha512(concatBytes(Uint8Array.of(SUITE, 2), ...encoded, DOMAIN_END)).slice(0, CHALLENGE_BYTES);
}

function decodePoint(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes);
  } catch {
    return undefined;
  }
}

function decodeProof(proof: Uint8Array): { gamma: Point; challenge: Uint8Array; response: bigint } | undefined {
  if (proof.length !== VRF_PROOF_BYTES) return undefined;
  const gamma = decodePoint(proof.subarray(0, POINT_BYTES));
  const response = bytesToNumberLE(proof.subarray(POINT_BYTES + CHALLENGE_BYTES));
  if (gamma === undefined || response >= ORDER) return undefined;
  return { gamma, challenge: proof.subarray(POINT_BYTES, POINT_BYTES + CHALLENGE_BYTES), response };
}
