import { attest, attested, listWith } from '@ogong/testing/tier/attested-tier';
import { describe, expect, it } from 'vitest';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { type CarriedEvidence, checkEvidence } from './evidence.ts';
import { isAttestedTier, listServedTiers, TIERS } from './registry.ts';
import type { OwnEvidence, ReceiptPart, Tier } from './tier.ts';

const signed = { order: Uint8Array.of(1), record: Uint8Array.of(2) };
const PARTS: readonly ReceiptPart[] = ['order', 'ticket', 'record', 'beacon', 'opening'];
const OWN = new Map([['attestation', attest(crypto, signed.record)]]);
const whole: CarriedEvidence = { parts: new Set(PARTS), own: OWN, signed };

// The attested tiers need a machine's signature: packages/attestation tests them.
const served = listServedTiers(listWith(attested)).filter(({ name }) => !isAttestedTier(name));
const judge = (tier: Tier, carried: Partial<CarriedEvidence>) =>
  checkEvidence(crypto, tier.name, { ...whole, ...carried }, listWith(tier));
const statuses = async (tier: Tier, carried: Partial<CarriedEvidence>) =>
  (await judge(tier, carried)).map(({ id, status }) => [id, status]);

describe.each(served.map((tier) => [tier.name, tier] as const))('the evidence of tier %s', (name, tier) => {
  const ids = tier.ownEvidence.flatMap(({ checks }) => checks);

  it('passes where all of it is carried', async () => {
    expect(await statuses(tier, {})).toEqual(['evidence', ...ids].map((id) => [id, 'pass']));
  });

  it.each(tier.evidence)('fails without its %s, and names it', async (part) => {
    const [check] = await judge(tier, { parts: new Set(PARTS.filter((each) => each !== part)) });
    expect(check).toMatchObject({
      id: 'evidence',
      status: 'fail',
      detail: expect.stringMatching(new RegExp(`${part}$`)),
    });
    expect(check?.detail).toContain(`tier ${name}`);
  });

  it('fails without what is its own, by each check that would be made of it', async () => {
    const expected =
      tier.ownEvidence.length === 0 ? [['evidence', 'pass']] : ['evidence', ...ids].map((id) => [id, 'fail']);
    expect(await statuses(tier, { own: new Map() })).toEqual(expected);
  });
});

describe('evidence of its own', () => {
  const withPart = (part: Partial<OwnEvidence>): Tier => ({
    ...attested,
    ownEvidence: attested.ownEvidence.map((own) => ({ ...own, ...part })),
  });

  it('fails every check where its reader throws', async () => {
    const verify = () => {
      throw new Error('no quote');
    };
    expect(await statuses(withPart({ checks: ['a', 'b'], verify }), {})).toEqual([
      ['evidence', 'pass'],
      ['a', 'fail'],
      ['b', 'fail'],
    ]);
  });

  it('fails a check that its reader promises and does not make', async () => {
    expect(await statuses(withPart({ checks: ['attestation', 'age'] }), {})).toEqual([
      ['evidence', 'pass'],
      ['attestation', 'pass'],
      ['age', 'fail'],
    ]);
  });
});

it('fails for a tier that is refused, whatever is carried, with the one reason', async () => {
  for (const name of ['proof', 'other']) {
    expect(await checkEvidence(crypto, name, whole, TIERS)).toMatchObject([{ id: 'evidence', status: 'fail' }]);
  }
});
