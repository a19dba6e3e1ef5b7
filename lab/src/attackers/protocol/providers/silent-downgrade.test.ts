import { createModelRoots, findWeightsProblem } from '@ogong/host/views/model-roots';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import { DOWNGRADES, type Downgrade, silentDowngrade } from './silent-downgrade.ts';

const CHECKED = 'ogong/verified/test/synthetic';
const UNCHECKED = 'ogong/vanilla/test/synthetic';
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) };
const router = createNobleHybridSigner(new Uint8Array(64).fill(2));
const { trust } = createSyntheticReceipt({
  ...{ crypto, ledger, router, tokens: 3 },
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
});

async function judge({ receipt, reply: { request, response }, nowMs }: SyntheticReceipt, given: Trust = trust) {
  const { ok, checks, missing } = await verifyReceipt(receipt, { crypto, request, response, trust: given, nowMs });
  return { ok, missing, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}
const play = (by: Downgrade) =>
  silentDowngrade.play({ crypto, ledger, router, checked: CHECKED, unchecked: UNCHECKED, by });

it.each<[Downgrade, string[]]>([
  ['router', ['ticket', 'sampler']],
  ['provider', ['sampler']],
  ['header', ['commitment-form']],
  ['offer', ['sampler']],
])('%s: the receipt is refuted by checks that name it', async (by, named) => {
  const { ok, failed, missing } = await judge(play(by).sold);
  expect(ok).toBe(false);
  expect(failed).toEqual(expect.arrayContaining([...named, 'model-root']));
  // Without an opening that can be read nothing of it is listed.
  if (by !== 'header') expect(missing).toEqual(expect.arrayContaining(['listing', 'draw-replay', 'shape-classes']));
});

it('is not excused by a reader who allows what is left out: the tier itself is checked', async () => {
  for (const by of DOWNGRADES) {
    const allow = ['listing', 'draw-replay', 'shape-classes', 'model-root'];
    expect((await judge(play(by).sold, { ...trust, allow })).ok, by).toBe(false);
  }
});

it('an unchecked server under a checked name has a root that nobody has published', () => {
  const { offer, sold } = play('offer');
  const span = computeSpanAround(sold.nowMs);
  const roots = createModelRoots({ [CHECKED]: new Uint8Array(32).fill(1) });
  expect(findWeightsProblem(roots, offer, span)).toMatch(/other weights than those published/);
  // Under its own name it is taken; with the root of the large model it is not.
  const honest = play('router').offer;
  expect(findWeightsProblem(roots, honest, span)).toBeUndefined();
  expect(findWeightsProblem(roots, { ...honest, modelRoot: new Uint8Array(32).fill(1) }, span)).toMatch(/no weights/);
});

it('worked before the tier was told apart: the same reply, asked for as what it is, is good', async () => {
  const sold = createSyntheticReceipt({
    ...{ crypto, ledger, router, tokens: 3, said: 'counted' },
    provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
  });
  expect(await judge(sold, sold.trust)).toMatchObject({ ok: true, failed: [], missing: [] });
});
