import { expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { hashAcquittal, hashConviction, type Offence } from './conviction.ts';

const domain = {
  chainId: BigInt(vectors.domain.chainId),
  verifyingContract: fromHex(vectors.domain.cases.slice(2), 20),
};

it.each(vectors.convictions)('agrees with the contract: conviction $conviction', (vector) => {
  const conviction = {
    offence: vector.offence as Offence,
    accused: fromHex(vector.accused.slice(2), 20),
    reporter: fromHex(vector.reporter.slice(2), 20),
    evidence: fromHex(vector.evidence.slice(2), 32),
    conviction: vector.conviction,
  };
  const hash = (change: Partial<typeof conviction>) =>
    `0x${toHex(hashConviction(nobleCrypto, domain, { ...conviction, ...change }))}`;
  expect(hash({})).toBe(vector.digest);
  expect(hash({ conviction: vector.conviction - 1 })).not.toBe(vector.digest);
  expect(hash({ evidence: new Uint8Array(32) })).not.toBe(vector.digest);
  expect(hash({ offence: 'contradiction' })).not.toBe(vector.digest);
  expect(hash({ reporter: new Uint8Array(20).fill(1) })).not.toBe(vector.digest);
});

it.each(vectors.acquittals)('agrees with the contract: acquittal %#', ({ subject, digest }) => {
  const hearings = { ...domain, verifyingContract: fromHex(vectors.domain.hearings.slice(2), 20) };
  const bytes = fromHex(subject.slice(2), 32);
  expect(`0x${toHex(hashAcquittal(nobleCrypto, hearings, bytes))}`).toBe(digest);
  expect(`0x${toHex(hashAcquittal(nobleCrypto, domain, bytes))}`).not.toBe(digest);
});
