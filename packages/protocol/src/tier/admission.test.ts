import { attest, attested } from '@ogong/testing/tier/attested-tier';
import { describe, expect, it } from 'vitest';
import { type Check, fail, pass, skip } from '../base/checks.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { requireEvidence } from './admission.ts';
import { encodeParts, getPart, parseParts } from './evidence-parts.ts';
import type { EvidenceReader, OwnEvidence, ShownRecord } from './tier.ts';
import { vanilla } from './vanilla.ts';

const [part] = attested.ownEvidence as readonly [OwnEvidence];
const record = Uint8Array.of(2);
const good = attest(crypto, record);
const shown: ShownRecord = {
  ...{ ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) }, modelId: 'ogong/proof/test/synthetic' },
  ...{ order: Uint8Array.of(1), record: { record, providerKey: Uint8Array.of(3) }, evidence: { attestation: good } },
};
const open = { ...part, verify: () => [skip('attestation', 'it takes a policy')] };

async function admit(own: OwnEvidence, evidence: ShownRecord['evidence'], reader?: EvidenceReader) {
  const readers = reader && new Map([['attestation', reader]]);
  return requireEvidence([own])({ crypto, nowMs: 7, readers }, { ...shown, evidence });
}

describe("the admission of a record with its tier's own evidence", () => {
  it('passes the evidence of this record, and asks for none in a tier that has none', async () => {
    expect(await admit(part, { attestation: good })).toMatchObject([{ id: 'attestation', status: 'pass' }]);
    expect(await vanilla.admit({ crypto, nowMs: 7 }, { ...shown, evidence: {} })).toEqual([]);
  });

  const throwing = { ...part, verify: () => Promise.reject(new Error('no quote')) };
  const reading: OwnEvidence = { ...part, checks: ['attestation', 'age'] };
  it.each<[what: string, own: OwnEvidence, evidence: ShownRecord['evidence'], why: string]>([
    ['no evidence', part, {}, 'carries no attestation'],
    ['evidence under another name', part, { quote: good }, 'carries no attestation'],
    ['a name that every object has', { ...part, name: 'constructor' }, {}, 'carries no constructor'],
    ['evidence of another record', part, { attestation: attest(crypto, Uint8Array.of(9)) }, 'another record'],
    ['evidence that is too large', part, { attestation: new Uint8Array(33) }, 'at most 32'],
    ['evidence that cannot be read', part, { attestation: new Uint8Array(31) }, 'cannot be read'],
    ['a reader that rejects', throwing, { attestation: good }, 'no quote'],
    ['a check that nobody made', reading, { attestation: good }, 'was not made'],
  ])('fails with %s', async (_what, own, evidence, why) => {
    const failed = (await admit(own, evidence)).filter(({ status }) => status === 'fail');
    expect(failed).not.toEqual([]);
    for (const { detail } of failed) expect(detail).toContain(why);
  });

  it('has a check that depends on a policy made by the reader of that name', async () => {
    const asked: unknown[] = [];
    const reader =
      (found: Check): EvidenceReader =>
      async (...given) => {
        asked.push(given);
        return [found];
      };
    const carried = { attestation: good };
    expect(await admit(open, carried, reader(pass('attestation', 'yes')))).toEqual([pass('attestation', 'yes')]);
    expect(await admit(open, carried, reader(fail('age', 'old')))).toEqual([fail('age', 'old')]);
    expect(asked).toEqual([
      [shown, good, 7],
      [shown, good, 7],
    ]);
    expect(await admit(open, carried)).toMatchObject([{ id: 'attestation', status: 'skip' }]);
  });

  it('asks no reader about evidence that has failed, and passes on what a reader throws', async () => {
    const down: EvidenceReader = () => Promise.reject(new Error('down'));
    const both = { ...open, checks: ['attestation', 'age'] };
    expect(await admit(both, { attestation: good }, down)).toMatchObject([
      { id: 'attestation', status: 'skip' },
      { id: 'age', status: 'fail' },
    ]);
    const spoiled = { ...both, verify: () => [fail('age', 'old'), skip('attestation', '')] };
    expect(await admit(spoiled, { attestation: good }, down)).toMatchObject([
      { id: 'age', status: 'fail' },
      { id: 'attestation', status: 'skip' },
    ]);
    await expect(admit(open, { attestation: good }, down)).rejects.toThrow('down');
  });
});

describe('parts in one column', () => {
  it('are the same after their bytes, in whatever order they came', () => {
    const parts = { quote: Uint8Array.of(1), attestation: Uint8Array.of(2, 3) };
    expect(parseParts(encodeParts(parts))).toEqual(parts);
    expect(encodeParts({ attestation: parts.attestation, quote: parts.quote })).toEqual(encodeParts(parts));
    expect(parseParts(encodeParts({}))).toEqual({});
  });

  it('are read by their own names alone', () => {
    expect(getPart({ attestation: good }, 'attestation')).toBe(good);
    expect(getPart({}, 'constructor')).toBeUndefined();
    expect(getPart(JSON.parse('{"__proto__": {"attestation": 1}}'), 'attestation')).toBeUndefined();
  });
});
