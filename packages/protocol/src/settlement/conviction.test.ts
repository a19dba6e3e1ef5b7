import { expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { hashConviction } from './conviction.ts';

const domain = {
  chainId: BigInt(vectors.domain.chainId),
  verifyingContract: fromHex(vectors.domain.settlement.slice(2), 20),
};

it.each(vectors.convictions)('agrees with the contract: conviction $conviction', (vector) => {
  const conviction = {
    validator: fromHex(vector.validator.slice(2), 20),
    evidence: fromHex(vector.evidence.slice(2), 32),
    conviction: vector.conviction,
  };
  const hash = (change: Partial<typeof conviction>) =>
    `0x${toHex(hashConviction(nobleCrypto, domain, { ...conviction, ...change }))}`;
  expect(hash({})).toBe(vector.digest);
  expect(hash({ conviction: vector.conviction - 1 })).not.toBe(vector.digest);
  expect(hash({ evidence: new Uint8Array(32) })).not.toBe(vector.digest);
});
