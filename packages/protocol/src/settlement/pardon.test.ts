import { expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { hashPardon } from './pardon.ts';

const domain = {
  chainId: BigInt(vectors.domain.chainId),
  verifyingContract: fromHex(vectors.domain.settlement.slice(2), 20),
};

it.each(vectors.pardons)('agrees with the contract: penalty $penalty', ({ payee, penalty, digest }) => {
  const hash = (number: number) =>
    toHex(hashPardon(nobleCrypto, domain, { payee: fromHex(payee.slice(2), 20), penalty: number }));
  expect(`0x${hash(penalty)}`).toBe(digest);
  expect(`0x${hash(penalty - 1)}`).not.toBe(digest);
});
