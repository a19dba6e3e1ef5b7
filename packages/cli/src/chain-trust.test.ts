import { expect, it } from 'vitest';
import { joinTrust, TrustSourceError } from './chain-trust.ts';

const root = new Uint8Array(32);

it('joins values of a file and the chain', () => {
  const joined = joinTrust({ modelRoots: { m: root }, allow: ['router'] }, { settlement: new Uint8Array(20) });
  expect(joined).toEqual({ modelRoots: { m: root }, allow: ['router'], settlement: new Uint8Array(20) });
});

it('refuses a field that both name, because one of the two would be dropped', () => {
  const twice = (): unknown => joinTrust({ validators: [] }, { validators: [], settlement: new Uint8Array(20) });
  expect(twice).toThrow(TrustSourceError);
  expect(twice).toThrow(/validators stands in the --trust file/);
});
