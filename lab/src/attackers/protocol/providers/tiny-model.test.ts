import { createModelRoots, findWeightsProblem } from '@ogong/host/views/model-roots';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import { tinyModel } from './tiny-model.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) };
const router = createNobleHybridSigner(new Uint8Array(64).fill(2));
const modelId = 'ogong/verified/test/synthetic';
/** The knowledge of a consumer of the real network, including the published root of the name. */
const { trust: known } = createSyntheticReceipt({
  ...{ crypto, ledger, router, tokens: 3 },
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
});
const { offer, sold } = tinyModel.play({ crypto, ledger, router, modelId });
const { request, response } = sold.reply;
const judge = (trust: object) => verifyReceipt(sold.receipt, { crypto, request, response, trust, nowMs: sold.nowMs });
const { modelRoots, ...rest } = known;

it('a small model under a large name is refused by routers and gateways, as is a name of its own', () => {
  const roots = createModelRoots(modelRoots);
  const span = computeSpanAround(sold.nowMs);
  expect(findWeightsProblem(roots, offer, span)).toBe(`other weights than those published as ${modelId}`);
  const renamed = { ...offer, modelId: 'ogong/verified/test/synthetic-2' };
  expect(findWeightsProblem(roots, renamed, span)).toMatch(/^nobody has published/);
});

it('its receipt fails for the root alone: everything else in it is honest', async () => {
  const { ok, checks } = await judge(known);
  expect(ok).toBe(false);
  expect(checks.filter(({ status }) => status !== 'pass').map(({ id, status }) => [id, status])).toEqual([
    ['model-root', 'fail'],
  ]);
});

it.each([{}, { modelRoots: {} }])(
  'a consumer without the root of the name does not take it either: %j',
  async (given) => {
    expect(await judge({ ...rest, ...given })).toMatchObject({ ok: false, missing: ['model-root'] });
    expect((await judge({ ...rest, ...given, allow: ['model-root'] })).ok).toBe(true);
  },
);
