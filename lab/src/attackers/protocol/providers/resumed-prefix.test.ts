import { createNobleHybridSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { describe, expect, it } from 'vitest';
import { RESUMED_BY, type ResumedBy, resumedPrefix } from './resumed-prefix.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) };
const router = createNobleHybridSigner(new Uint8Array(64).fill(2));

function judge(by: ResumedBy | 'draws them itself') {
  const { receipt, reply, trust, nowMs } = resumedPrefix.play({ crypto, ledger, router, by });
  return verifyReceipt(receipt, { crypto, ...reply, trust, nowMs });
}

const CAUGHT: Readonly<Record<ResumedBy, readonly string[]>> = {
  'takes its tokens': ['draw-replay'],
  'names other draws': ['draw-replay', 'draw-key'],
  'signs the rest alone': ['response-hash'],
};

describe('a reply that goes on from a beginning that another provider made up', () => {
  it.each(RESUMED_BY)('fails its check where the second provider %s', async (by) => {
    const { ok, checks } = await judge(by);
    expect(ok).toBe(false);
    expect(checks.filter(({ status }) => status !== 'pass').map(({ id }) => id)).toEqual(CAUGHT[by]);
  });

  it('is good where the second provider draws the beginning itself', async () => {
    expect(await judge('draws them itself')).toMatchObject({ ok: true, missing: [] });
  });
});
