import { existsSync, readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import own from '../../vectors/vrf.json' with { type: 'json' };
import { concatBytes, fromHex, toHex } from '../base/bytes.ts';
import { computeVrfOutput, computeVrfPublicKey, proveVrf, verifyVrf } from './vrf.ts';

const RFC_VECTORS = new URL('../../../../../shared/vectors/vrf-rfc9381/ecvrf-edwards25519.json', import.meta.url);
interface Vector {
  SK: string;
  PK: string;
  alpha: string;
  pi: string;
  beta: string;
}

const secretKey = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const publicKey = computeVrfPublicKey(secretKey);
const alpha = fromHex('0102');
const proof = proveVrf(secretKey, alpha);

function checkVector({ SK, PK, alpha: input, pi, beta }: Vector): void {
  expect(toHex(computeVrfPublicKey(fromHex(SK)))).toBe(PK);
  expect(toHex(proveVrf(fromHex(SK), fromHex(input)))).toBe(pi);
  expect(toHex(verifyVrf(fromHex(PK), fromHex(input), fromHex(pi))!)).toBe(beta);
  expect(toHex(computeVrfOutput(fromHex(pi))!)).toBe(beta);
}

describe('RFC 9381 ECVRF-EDWARDS25519-SHA512-TAI', () => {
  it.skipIf(!existsSync(RFC_VECTORS))('matches the examples of appendix B.3 (skipped: vectors not present)', () => {
    const { vectors } = JSON.parse(readFileSync(RFC_VECTORS, 'utf8')) as { vectors: Vector[] };
    expect(vectors.length).toBeGreaterThanOrEqual(3);
    for (const vector of vectors) checkVector(vector);
  });

  it('matches our own vectors', () => {
    for (const vector of own.vectors) checkVector(vector);
  });

  it('verifies what it proves, for one key and input only', () => {
    const bytes = fc.uint8Array({ maxLength: 80 });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes, bytes, (key, input, other) => {
        const pi = proveVrf(key, input);
        const output = verifyVrf(computeVrfPublicKey(key), input, pi);
        expect(output).toEqual(computeVrfOutput(pi));
        expect(verifyVrf(publicKey, input, pi)).toBeUndefined();
        if (toHex(other) !== toHex(input)) expect(verifyVrf(computeVrfPublicKey(key), other, pi)).toBeUndefined();
      }),
      { numRuns: 8, seed: 9381 },
    );
  });
});

describe('hostile proofs', () => {
  it('rejects every flipped byte', () => {
    for (let i = 0; i < proof.length; i += 3) {
      const forged = proof.slice();
      forged[i]! ^= 1;
      expect(verifyVrf(publicKey, alpha, forged), `byte ${i}`).toBeUndefined();
    }
  });

  it('rejects s + L, which would prove the same', () => {
    const s = bytesToNumberLE(proof.subarray(48)) + ed25519.Point.Fn.ORDER;
    expect(verifyVrf(publicKey, alpha, concatBytes(proof.subarray(0, 48), numberToBytesLE(s, 32)))).toBeUndefined();
  });

  it('rejects keys of small order, under which anyone can forge', () => {
    const { Point } = ed25519;
    const identity = Point.ZERO.toBytes();
    const hash = (tag: number, ...parts: Uint8Array[]): Uint8Array =>
      sha512(concatBytes(Uint8Array.of(3, tag), ...parts, Uint8Array.of(0)));
    let h = Point.ZERO;
    for (let counter = 0; h.is0(); counter++) {
      const candidate = hash(1, identity, alpha, Uint8Array.of(counter)).subarray(0, 32);
      if (ed25519.utils.isValidPublicKey(candidate, false)) h = Point.fromBytes(candidate).clearCofactor();
    }
    // Y = Gamma = 0 makes U = s*B and V = s*H for every challenge, so the equations hold for any s.
    const s = 5n;
    const [u, v] = [Point.BASE.multiply(s).toBytes(), h.multiply(s).toBytes()];
    const challenge = hash(2, identity, h.toBytes(), identity, u, v).subarray(0, 16);
    const forged = concatBytes(identity, challenge, numberToBytesLE(s, 32));
    expect(computeVrfOutput(forged)).toBeDefined();
    expect(verifyVrf(identity, alpha, forged)).toBeUndefined();
  });

  it('rejects non-canonical points: y >= p, and the sign bit of x = 0', () => {
    const p = 2n ** 255n - 19n;
    for (const encoded of [numberToBytesLE(p + 1n, 32), numberToBytesLE(1n + 2n ** 255n, 32)]) {
      expect(verifyVrf(encoded, alpha, proof)).toBeUndefined();
      expect(verifyVrf(publicKey, alpha, concatBytes(encoded, proof.subarray(32)))).toBeUndefined();
    }
  });

  it('rejects any other length without throwing', () => {
    for (const length of [0, 32, 79, 81]) {
      expect(verifyVrf(publicKey, alpha, new Uint8Array(length))).toBeUndefined();
      expect(computeVrfOutput(new Uint8Array(length))).toBeUndefined();
    }
    expect(verifyVrf(new Uint8Array(31), alpha, proof)).toBeUndefined();
  });
});
