import { describe, expect, it } from 'vitest';
import { drawWitnesses } from '../audit/witness-draw.ts';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { hashSilence } from '../exchange/silence.ts';
import { findSilenceProblem, type SilenceClaim, type Statement } from './witnessed.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const ledger = { chainId: 31_337n, verifyingContract: fill(20, 7) };
const signers = Array.from({ length: 6 }, (_, i) => createNobleLedgerSigner(fill(32, i + 1)));
const claim: SilenceClaim = {
  ...{ ledger, beacon: fill(32, 1), replyId: fill(16, 2), orderHash: fill(32, 4), subject: fill(32, 0) },
  ...{ asked: 'record', target: fill(32, 3), validator: signers[0]!.address },
  members: signers.map(({ address }) => ({ address, signingKey: address, stake: 10n, vrfKey: fill(32, 0) })),
};
const drawn = drawWitnesses(crypto, claim, claim.members);
const signerAt = (place: number) => signers.find(({ address }) => address === drawn[place]?.address)!;

function state(place: number, change: Partial<SilenceClaim & Statement> = {}, by = signerAt(place)): Statement {
  const { validator, orderHash, target, subject, asked } = claim;
  const told = { isRefused: false, epoch: 9n, timeMs: 1_750_000_000_000 };
  const signed = { ...{ ledger, validator, orderHash, target, subject, asked }, ...told, ...change };
  return {
    ...told,
    place,
    signature: by.signDigest(hashSilence(crypto, signed.ledger, { ...signed, witness: by.address })),
  };
}

describe('statements of silence', () => {
  it('prove it if more than half of the drawn panel signed them', () => {
    expect(findSilenceProblem(crypto, claim, [state(0), state(2)])).toBeUndefined();
    expect(findSilenceProblem(crypto, claim, [state(0)])).toContain('not enough');
    expect(findSilenceProblem(crypto, claim, [])).toContain('not enough');
  });

  it.each<[string, Partial<SilenceClaim & Statement>]>([
    ['another validator', { validator: fill(20, 9) }],
    ['another order', { orderHash: fill(32, 9) }],
    ['another provider', { target: fill(32, 9) }],
    ['another record', { subject: fill(32, 9) }],
    ['something else', { asked: 'opening' }],
    ['another epoch', { epoch: 10n }],
    ['another time', { timeMs: 1_750_000_000_001 }],
    ['a refusal', { isRefused: true }],
    ['another chain', { ledger: { ...ledger, chainId: 1n } }],
  ])('do not count if the witness signed for %s', (_name, change) => {
    expect(findSilenceProblem(crypto, claim, [state(0), state(1, change)])).toContain('did not sign this');
  });

  it('do not count if another key than the drawn witness signed', () => {
    expect(findSilenceProblem(crypto, claim, [state(0), state(1, {}, signers[0])])).toContain('place 1 did not sign');
    expect(findSilenceProblem(crypto, claim, [state(0), { ...state(1), place: 2 }])).toContain('place 2 did not sign');
    expect(findSilenceProblem(crypto, claim, [{ ...state(0), place: 8 }])).toContain('no witness at place 8');
  });
});
