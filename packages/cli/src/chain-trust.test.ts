import { expect, it } from 'vitest';
import { joinTrust, TrustSourceError } from './chain-trust.ts';

const root = new Uint8Array(32);
const contract = new Uint8Array(20).fill(1);
const member = {
  ...{ address: contract, signingKey: contract, stake: 1n },
  ...{ certHash: root, vrfKey: root },
};

it('joins values of a file and the chain', () => {
  const joined = joinTrust({ modelRoots: { m: root }, allow: ['router'] }, { settlement: new Uint8Array(20) });
  expect(joined).toEqual({ modelRoots: { m: root }, allow: ['router'], settlement: new Uint8Array(20) });
});

it("keeps a file's values beside those of the chain", () => {
  const settlement = new Uint8Array(20);
  const ofFile = { validators: [], settlement };
  const added = { ...member, endpoint: 'stranger:1' };
  expect(joinTrust(ofFile, { validators: [added], settlement })).toEqual(ofFile);
  expect(joinTrust({}, { validators: [added] }).validators).toEqual([added]);
});

it.each([
  ['ledger', { ledger: { chainId: 1n, verifyingContract: contract } }],
  ['ledger', { ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(2) } }],
  ['settlement', { settlement: new Uint8Array(20).fill(2) }],
])('refuses a file and a chain that name another %s', (field, ofFile) => {
  const ofChain = { ledger: { chainId: 31_337n, verifyingContract: contract }, settlement: contract };
  const join = (): unknown => joinTrust(ofFile, ofChain);
  expect(join).toThrow(TrustSourceError);
  expect(join).toThrow(`names another ${field} than the chain`);
});
