import { expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { hashReinstatement } from './reinstatement.ts';

const domain = {
  chainId: BigInt(vectors.domain.chainId),
  verifyingContract: fromHex(vectors.domain.settlement.slice(2), 20),
};

it.each(vectors.reinstatements)('agrees with the contract: ejection $ejection', ({ providerId, ejection, digest }) => {
  const hash = (number: number) =>
    toHex(hashReinstatement(nobleCrypto, domain, { providerId: fromHex(providerId.slice(2), 32), ejection: number }));
  expect(`0x${hash(ejection)}`).toBe(digest);
  expect(`0x${hash(ejection - 1)}`).not.toBe(digest);
});
