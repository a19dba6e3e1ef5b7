import { hashToScalar } from '@ogong/protocol/crypto/bls-scalar';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import { describeBls } from '@ogong/testing/protocol/bls-compliance';
import { BAD_KEYS, BAD_SIGNATURES } from '@ogong/testing/protocol/bls-forms';
import { describe, expect, it } from 'vitest';
import { createFastBls } from './fast-bls.ts';

const fastBls = await createFastBls();

describeBls('blst and mcl', fastBls, { badKeys: BAD_KEYS, badSignatures: BAD_SIGNATURES });

describe('BLS by two implementations', () => {
  it('has the same keys, signatures, values and sums', () => {
    const scalars = [1, 2, 3].map((n) => hashToScalar(nobleCrypto, Uint8Array.of(n)));
    const message = Uint8Array.of(1, 2, 3);
    const results = [nobleBls, fastBls].map((bls) => {
      const bytes = scalars.map((one) => bls.deriveKey(one));
      const keys = bls.decodeKeys(bytes)!;
      const signatures = scalars.map((one) => bls.sign(one, message));
      return {
        ...{
          bytes,
          signatures,
          value: bls.evaluateKeys(keys, 300),
          single: bls.combineKeys([keys], [scalars[0]!])!.bytes,
        },
        keys: bls.combineKeys([keys, keys], scalars.slice(1))!.bytes,
        signature: bls.combineSignatures(signatures, [...scalars].reverse()),
      };
    });
    expect(results[1]).toEqual(results[0]);
  });
});
