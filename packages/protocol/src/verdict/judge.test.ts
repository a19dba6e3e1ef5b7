import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import type { Crypto } from '../crypto/crypto.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '../crypto/noble.ts';
import { judge } from './judge.ts';
import { type OpenedReply, openReply } from './opened-reply.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const provider = createNobleHybridSigner(new Uint8Array(64).fill(1));
const payer = createNobleLedgerSigner(new Uint8Array(32).fill(2));
const base = { crypto: nobleCrypto, provider, payer, ledger };
const honest = createSyntheticReply(base);
const cheat = createSyntheticReply({
  ...base,
  bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
});

/** Counts the calls that stage 1 needs. */
function createCounted() {
  let hashes = 0;
  const crypto: Crypto = {
    ...nobleCrypto,
    sha256: (...parts) => {
      hashes++;
      return nobleCrypto.sha256(...parts);
    },
  };
  return { crypto, count: () => hashes };
}

function judgeIt({ order, record, recordBytes, recordSignature, openingBytes }: typeof honest, before?: OpenedReply) {
  const { crypto, count } = createCounted();
  const signed = { record: recordBytes, providerKey: provider.publicKey, signature: recordSignature };
  const { validator } = order;
  const context = { claim: { order, record }, signed, validator, draw: undefined, allowFixedVerifier: false };
  const evidence = { kind: 'audit' as const, opening: openingBytes, lists: [], attempts: [] };
  return { judgement: judge(crypto, context, evidence, before), hashes: count() };
}

const open = (reply: typeof honest): OpenedReply =>
  openReply(nobleCrypto, reply.record, reply.openingBytes) as OpenedReply;

describe('a reply that was opened before its verdict', () => {
  it.each([honest, cheat])('is not replayed again, and gets the same verdict', (reply) => {
    const anew = judgeIt(reply);
    const once = judgeIt(reply, open(reply));
    expect(once.judgement).toEqual(anew.judgement);
    expect(anew.hashes).toBeGreaterThan(0);
    expect(once.hashes).toBe(0);
  });

  it('counts only for its own bytes and record, and only if openReply made it', () => {
    const { judgement } = judgeIt(cheat);
    expect(judgement.verdict).toBe('reject');
    const others = [
      open(honest),
      { ...open(cheat), outcome: 'consistent' as const },
      { ...open(honest), record: cheat.record, bytes: cheat.openingBytes },
    ];
    for (const before of others) {
      const judged = judgeIt(cheat, before);
      expect(judged.judgement).toEqual(judgement);
      expect(judged.hashes).toBeGreaterThan(0);
    }
  });

  it('does not count if its stage 1 could read blobs, which co-signers do not have', () => {
    const before = openReply(nobleCrypto, honest.record, honest.openingBytes, () => undefined);
    const judged = judgeIt(honest, before);
    expect(judged.judgement).toEqual(judgeIt(honest).judgement);
    expect(judged.hashes).toBeGreaterThan(0);
  });
});

describe('an opening that a validator calls withheld', () => {
  const { order, record, header, recordBytes, recordSignature } = honest;
  const judgeWithheld = (tier: string) => {
    const signed = { record: recordBytes, providerKey: provider.publicKey, signature: recordSignature };
    const claim = { order, record, header: { ...header, tier } };
    const context = { claim, signed, validator: order.validator, draw: undefined, allowFixedVerifier: false };
    return judge(nobleCrypto, context, { kind: 'withheld', statements: [] });
  };

  it('costs the fee in tier verified', () => {
    expect(judgeWithheld('verified')).toMatchObject({ verdict: 'reject', isWithheld: true });
  });

  it.each(['tee', 'tee-proxy'])('proves nothing in tier %s, where no validator gets one', (tier) => {
    expect(() => judgeWithheld(tier)).toThrow(expect.objectContaining({ code: 'proves-nothing' }));
  });
});
