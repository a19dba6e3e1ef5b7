import { createNobleSeal } from '@ogong/protocol/crypto/noble-seal';
import { describeSeal } from '@ogong/testing/protocol/seal-compliance';
import { expect, it } from 'vitest';
import { generateKemKey, nodeSeal } from './node-seal.ts';

describeSeal('node', nodeSeal);

it.each([
  ['this', nodeSeal],
  ['the other', createNobleSeal(nodeSeal.random)],
])('a generated key opens what %s implementation seals to it, and nothing for another one', (_which, seal) => {
  const [key, other] = [generateKemKey(), generateKemKey()];
  const sealed = seal.encapsulate(key.publicKey);
  if (sealed === undefined) throw new Error('the key is none');
  expect(key.decapsulate(sealed.capsule)).toEqual(sealed.shared);
  expect(other.decapsulate(sealed.capsule)).not.toEqual(sealed.shared);
  expect(key.publicKey).not.toEqual(other.publicKey);
});
