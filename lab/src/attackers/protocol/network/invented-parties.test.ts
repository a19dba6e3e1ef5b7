import { equalBytes } from '@ogong/protocol/base/bytes';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { SettledEvidence, UnsettledReply } from '@ogong/protocol/verdict/receipt/settled';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import { inventedParties, inventSettled, type PublicNetwork } from './invented-parties.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) };
/** The knowledge of a consumer of the real network. */
const { trust: known } = createSyntheticReceipt({
  ...{ crypto, ledger, tokens: 3 },
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
});

async function judge(invents: PublicNetwork['invents'], trust: Trust, league: Partial<PublicNetwork> = {}) {
  const { receipt, reply, nowMs } = inventedParties.play({ crypto, ledger, invents, ...league });
  const { request, response } = reply;
  const { ok, checks, missing } = await verifyReceipt(receipt, { crypto, request, response, trust, nowMs });
  return { ok, missing, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}

const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon'];
/** Statements that only the validator of the order can sign. */
const WORDS = ['admission', 'intake'];
const router = createNobleHybridSigner(new Uint8Array(64).fill(2));
/** Of the set that the consumer knows, and named by the order. */
const handler = [1, 2, 3, 4]
  .map((seed) => createNobleLedgerSigner(new Uint8Array(32).fill(0x40 + seed)))
  .find(({ address }) =>
    equalBytes(address, (known.validators ?? [])[0]?.address ?? new Uint8Array(0)),
  ) as LedgerSigner;

it.each(['everything', 'unseen'] as const)(
  'a receipt with invented parties (%s) refutes nothing, and is not ok',
  async (invents) => {
    expect(await judge(invents, {})).toEqual({ ok: false, missing: ANCHORS, failed: [] });
  },
);

it('a real validator in it refutes it, offline, whatever else is allowed: it has signed nothing', async () => {
  const { validators = [] } = known;
  expect(await judge('unseen', { validators, allow: ANCHORS })).toEqual({ ok: false, missing: [], failed: WORDS });
});

it('a network of its own is none that the consumer knows', async () => {
  // The made-up validators of this test certify any chain, so the beacon alone holds.
  const failed = ANCHORS.filter((id) => id !== 'beacon' && !WORDS.includes(id));
  expect(await judge('everything', known)).toEqual({ ok: false, missing: WORDS, failed });
});

it('on the real chain, in the name of a real validator and real weights, its router is a stranger', async () => {
  expect(await judge('unseen', known)).toEqual({ ok: false, missing: [], failed: ['router', ...WORDS] });
});

it('with a known router in league every anchor holds, and the statements of the validator fail', async () => {
  expect(await judge('unseen', known, { router })).toEqual({ ok: false, missing: [], failed: WORDS });
});

it('with a router and a validator in league the receipt holds, and only the settled log shows that nobody served the reply', async () => {
  const { receipt, reply, nowMs } = inventedParties.play({
    crypto,
    ledger,
    invents: 'unseen',
    router,
    validator: handler,
  });
  const { request, response } = reply;
  const judge = (settled?: SettledEvidence | UnsettledReply) =>
    verifyReceipt(receipt, { ...{ crypto, request, response, trust: known, nowMs }, ...(settled && { settled }) });
  expect((await judge()).ok).toBe(true);
  expect(await judge({ problem: 'no such reply is settled here' })).toMatchObject({ ok: false, missing: ['settled'] });
  // A validator in league writes an entry of its own. Its signature alone is no quorum.
  const feeAtomic = BigInt((await judge()).checks.find(({ id }) => id === 'fee')?.detail.split(' ')[0] ?? '');
  const settlement = known.settlement as Uint8Array;
  const { checks } = await judge(inventSettled({ crypto, receipt, reply, handler, feeAtomic, settlement }));
  expect(checks.at(-1)).toEqual({ id: 'settled', status: 'fail', detail: 'signed by 100 of 400 votes: no quorum' });
});

it.each(ANCHORS)('no single anchor stands in for %s, which the consumer must allow by name', async (id) => {
  const allow = ANCHORS.filter((one) => one !== id);
  expect(await judge('unseen', { allow }, { validator: handler })).toMatchObject({ ok: false, missing: [id] });
});
