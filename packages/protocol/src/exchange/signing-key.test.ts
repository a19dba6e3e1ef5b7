import { expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { hashSigningKey } from './signing-key.ts';

const bytes = (hex: string) => fromHex(hex.slice(2), 20);
const domain = { chainId: BigInt(vectors.domain.chainId), verifyingContract: bytes(vectors.domain.registry) };

it.each(vectors.signingKeys)('agrees with the contract: a key signs for $account', ({ account, signer, digest }) => {
  const hash = (change: object = {}, of = domain) =>
    toHex(hashSigningKey(nobleCrypto, of, { account: bytes(account), signer: bytes(signer), ...change }));
  expect(`0x${hash()}`).toBe(digest);
  expect(hash({ account: bytes(signer) })).not.toBe(hash());
  expect(hash({ signer: bytes(account) })).not.toBe(hash());
  expect(hash({}, { ...domain, chainId: 1n })).not.toBe(hash());
});
