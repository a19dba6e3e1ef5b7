import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../base/bytes.ts';
import { parseTrust, type TrustJson, toTrustJson } from './trust.ts';

const hex = (byte: string, length: number): string => `0x${byte.repeat(length)}`;
const validator = (byte: string) => ({
  address: hex(byte, 20),
  signingKey: hex('cc', 20),
  stake: '100',
  certHash: hex('aa', 32),
  vrfKey: hex('bb', 32),
  endpoint: '127.0.0.1:1',
});
const whole: TrustJson = {
  ledger: { chainId: '31337', escrow: hex('03', 20) },
  settlement: hex('04', 20),
  validators: [validator('01'), validator('02')],
  generations: [
    { generation: 1, key: hex('aa', 48), firstEpoch: '5', lastEpoch: '9' },
    { generation: 2, key: hex('bb', 48), firstEpoch: '10' },
  ],
  routers: [hex('06', 32)],
  modelRoots: { 'ogong/verified/test/m': hex('05', 32) },
  allow: ['times', 'draw-key'],
};

describe('parseTrust', () => {
  it('is the inverse of toTrustJson, also for each part alone', () => {
    expect(toTrustJson(parseTrust(whole))).toEqual(whole);
    for (const [key, value] of Object.entries(whole))
      expect(toTrustJson(parseTrust({ [key]: value }))).toEqual({ [key]: value });
    expect(parseTrust({})).toEqual({});
  });

  it.each<[string, unknown, RegExp]>([
    ['a generation that is left out', { generations: whole.generations?.slice(1) }, /generations\[0\].generation/],
    ['a short key', { generations: [{ generation: 1, key: hex('aa', 47), firstEpoch: '5' }] }, /generations\[0\].key/],
    ['an epoch as a number', { generations: [{ generation: 1, key: hex('aa', 48), firstEpoch: 5 }] }, /firstEpoch/],
    ['a misspelt field', { ...whole, modelRoot: {} }, /trust.modelRoot/],
    ['null', null, /an object/],
    ['a list', [], /an object/],
    ['a null field', { settlement: null }, /settlement/],
    ['an unknown field of a ledger', { ledger: { ...whole.ledger, settlement: hex('04', 20) } }, /ledger.settlement/],
    ['zeros before a chain', { ledger: { ...whole.ledger, chainId: '01' } }, /chainId/],
    ['a chain as a number', { ledger: { ...whole.ledger, chainId: 1 } }, /chainId/],
    ['an address without 0x', { settlement: '04'.repeat(20) }, /settlement/],
    ['a short address', { settlement: hex('04', 19) }, /settlement/],
    ['a validator twice', { validators: [validator('01'), validator('01')] }, /validators\[1\].address/],
    ['a stake that is negative', { validators: [{ ...validator('01'), stake: '-1' }] }, /stake/],
    [
      'a validator without a signing key',
      { validators: [{ ...validator('01'), signingKey: undefined }] },
      /signingKey/,
    ],
    ['a validator without a key', { validators: [{ ...validator('01'), vrfKey: undefined }] }, /vrfKey/],
    ['an endpoint that is none', { validators: [{ ...validator('01'), endpoint: 7 }] }, /endpoint/],
    ['a router of another length', { routers: [hex('05', 20)] }, /routers\[0\]/],
    ['one router for a list', { routers: hex('05', 32) }, /routers/],
    ['checks that are no list', { allow: 'beacon' }, /allow/],
    ['a check that is no text', { allow: [7] }, /allow\[0\]/],
    ['a check that no check is named like', { allow: ['Beacon *'] }, /allow\[0\]/],
    ['a root of another length', { modelRoots: { m: hex('05', 20) } }, /modelRoots\[m\]/],
  ])('refuses %s', (_what, input, words) => {
    expect(() => parseTrust(input)).toThrow(ProtocolError);
    expect(() => parseTrust(input)).toThrow(words);
  });
});
