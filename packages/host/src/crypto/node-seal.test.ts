import { createHmac } from 'node:crypto';
import { createNobleSeal } from '@ogong/protocol/crypto/noble-seal';
import { describeSeal } from '@ogong/testing/protocol/seal-compliance';
import { expect, it } from 'vitest';
import { createKemKeyStock, generateKemKey, nodeSeal } from './node-seal.ts';

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

it('a stock gives keys that were made before, each once', async () => {
  let waitedFor = 0;
  const take = createKemKeyStock(2, () => {
    waitedFor++;
    return generateKemKey();
  });
  const taken = [take()];
  expect(waitedFor).toBe(1);
  const isOneFromStock = (): boolean => {
    taken.push(take());
    return waitedFor < taken.length;
  };
  await expect.poll(isOneFromStock).toBe(true);
  while (taken.length < 20) taken.push(take());
  expect(new Set(taken.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))).size).toBe(20);
  for (const key of taken) {
    const sealed = nodeSeal.encapsulate(key.publicKey);
    expect(sealed && key.decapsulate(sealed.capsule)).toEqual(sealed?.shared);
  }
});

it.each([0, 1, 32, 63, 64, 65, 128, 131])('an HMAC under a key of %i bytes is that of OpenSSL', (length) => {
  const key = Uint8Array.from({ length }, (_, i) => i * 7 + 1);
  for (const size of [0, 1, 55, 64, 300, 5_000]) {
    const data = Uint8Array.from({ length: size }, (_, i) => i * 5 + size);
    const expected = new Uint8Array(createHmac('sha256', key).update(data).digest());
    expect(nodeSeal.hmac(key, data)).toEqual(expected);
    expect(nodeSeal.hmac(key, data.subarray(0, 20), data.subarray(20))).toEqual(expected);
  }
});
