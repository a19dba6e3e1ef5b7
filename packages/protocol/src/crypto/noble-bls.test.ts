import { describeBls } from '@ogong/testing/protocol/bls-compliance';
import { encodeFakeOutsider, fakeBls } from '@ogong/testing/protocol/fake-bls';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/bls.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { BLS_ORDER } from './bls.ts';
import { computeLagrangeWeights, decodeScalar, encodeScalar, hashToScalar, invertScalar } from './bls-scalar.ts';
import { nobleCrypto } from './noble.ts';
import { createNobleBls, nobleBls } from './noble-bls.ts';

const bad = (forms: readonly { readonly what: string; readonly bytes: string }[]) =>
  Object.fromEntries(forms.map(({ what, bytes }) => [what, fromHex(bytes)]));

describeBls('noble', nobleBls, { badKeys: bad(vectors.badKeys), badSignatures: bad(vectors.badSignatures) });
describeBls('the fake', fakeBls, {
  badKeys: { outside: encodeFakeOutsider(48), short: new Uint8Array(47) },
  badSignatures: { outside: encodeFakeOutsider(96), long: new Uint8Array(97) },
});

describe('BLS compared with other implementations', () => {
  it.each(vectors.beacons)(
    'verifies a beacon of drand ($scheme)',
    ({ key, message, signature, randomness, domain }) => {
      const bls = createNobleBls(domain);
      expect(bls.verify(fromHex(key), fromHex(message), fromHex(signature))).toBe(true);
      expect(toHex(nobleCrypto.sha256(fromHex(signature)))).toBe(randomness);
      // The same bytes are no valid signature under the domain of this network.
      expect(nobleBls.verify(fromHex(key), fromHex(message), fromHex(signature))).toBe(false);
    },
  );

  it('signs as in the vectors', () => {
    const { secret, key, message, signature } = vectors.signed;
    expect(toHex(nobleBls.deriveKey(BigInt(`0x${secret}`)))).toBe(key);
    expect(toHex(nobleBls.sign(BigInt(`0x${secret}`), fromHex(message)))).toBe(signature);
  });
});

describe('scalars', () => {
  it('inverts, and has no inverse of zero', () => {
    for (const scalar of [1n, 2n, BLS_ORDER - 1n, hashToScalar(nobleCrypto, Uint8Array.of(9))]) {
      expect((invertScalar(scalar) * scalar) % BLS_ORDER).toBe(1n);
    }
    expect(() => invertScalar(0n)).toThrow(RangeError);
    expect(() => invertScalar(BLS_ORDER)).toThrow(RangeError);
  });

  it('has one encoding for each scalar', () => {
    expect(decodeScalar(encodeScalar(BLS_ORDER - 1n))).toBe(BLS_ORDER - 1n);
    expect(() => decodeScalar(encodeScalar(BLS_ORDER))).toThrow('no scalar');
    expect(() => decodeScalar(new Uint8Array(31))).toThrow('no scalar');
  });

  it('refuses a place that occurs twice', () => {
    expect(() => computeLagrangeWeights([1, 2, 1])).toThrow(RangeError);
  });
});
