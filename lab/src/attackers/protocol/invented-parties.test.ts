import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { hashIntake } from '@ogong/protocol/exchange/intake-receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { IntakeEvidence, SettledEvidence, UnsettledReply } from '@ogong/protocol/verdict/settled';
import { verifyReceipt } from '@ogong/protocol/verdict/verify-receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import { inventedParties, inventSettled, type PublicNetwork } from './invented-parties.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) };
/** What a consumer of the real network knows. */
const { trust: known } = createSyntheticReceipt({
  ...{ crypto, ledger, tokens: 3 },
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
});

function judge(invents: PublicNetwork['invents'], trust: Trust) {
  const { receipt, reply, nowMs } = inventedParties.play({ crypto, ledger, invents });
  const { request, response } = reply;
  const { ok, checks, missing } = verifyReceipt(receipt, { crypto, request, response, trust, nowMs });
  return { ok, missing, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}

const ANCHORS = ['router', 'ledger', 'validator', 'model-root', 'beacon'];

it.each(['everything', 'unseen'] as const)(
  'a receipt with invented parties (%s) refutes nothing, and is not ok',
  (invents) => {
    expect(judge(invents, {})).toEqual({ ok: false, missing: ANCHORS, failed: [] });
  },
);

it('a network of its own is none that the consumer knows', () => {
  // The made-up validators of this test certify any chain, so the beacon alone holds.
  const failed = ANCHORS.filter((id) => id !== 'beacon');
  expect(judge('everything', known)).toEqual({ ok: false, missing: [], failed });
});

it('on the real chain, in the name of a real validator and real weights, its router is a stranger', () => {
  expect(judge('unseen', known)).toEqual({ ok: false, missing: [], failed: ['router'] });
});

it('with a known router in league every anchor holds, and only the settled log shows that nobody served the reply', () => {
  const router = createNobleHybridSigner(new Uint8Array(64).fill(2));
  const { receipt, reply, nowMs } = inventedParties.play({ crypto, ledger, invents: 'unseen', router });
  const { request, response } = reply;
  const judge = (settled?: SettledEvidence | UnsettledReply, intake?: IntakeEvidence | UnsettledReply) =>
    verifyReceipt(receipt, {
      ...{ crypto, request, response, trust: known, nowMs },
      ...(intake && { intake }),
      ...(settled && { settled }),
    });
  expect(judge().ok).toBe(true);
  // What a reader gets that follows the reply: the validator has never heard of it. Nobody else can sign in its place.
  const unheard = { problem: 'no record of such a reply was taken in here' };
  expect(judge(undefined, unheard)).toMatchObject({ ok: false, missing: ['intake'] });
  const own = {
    ...{ validator: reply.order.validator, orderHash: reply.order.orderHash, epoch: 8n },
    recordHash: hashRecord(crypto, receipt.record.bytes),
  };
  const stranger = createNobleLedgerSigner(new Uint8Array(32).fill(0x63));
  const signature = stranger.signDigest(hashIntake(crypto, ledger, own));
  const signingKeys = [reply.order.validator];
  expect(judge(undefined, { epoch: 8n, signature, signingKeys }).checks).toContainEqual(
    expect.objectContaining({ id: 'intake', status: 'fail' }),
  );
  expect(judge({ problem: 'no such reply is settled here' })).toMatchObject({ ok: false, missing: ['settled'] });
  // A validator in league writes an entry of its own. Its signature alone is no quorum.
  const member = (known.validators ?? []).find(({ address }) => equalBytes(address, reply.order.validator));
  const handler = [1, 2, 3, 4]
    .map((seed) => createNobleLedgerSigner(new Uint8Array(32).fill(0x40 + seed)))
    .find(({ address }) => equalBytes(address, member?.address ?? new Uint8Array(0))) as LedgerSigner;
  const feeAtomic = BigInt(
    judge()
      .checks.find(({ id }) => id === 'fee')
      ?.detail.split(' ')[0] ?? '',
  );
  const settlement = known.settlement as Uint8Array;
  const { checks } = judge(inventSettled({ crypto, receipt, reply, handler, feeAtomic, settlement }));
  expect(checks.at(-1)).toEqual({ id: 'settled', status: 'fail', detail: 'signed by 100 of 400 votes: no quorum' });
});

it.each(ANCHORS)('no single anchor stands in for %s, which the consumer must allow by name', (id) => {
  const allow = ANCHORS.filter((one) => one !== id);
  expect(judge('unseen', { allow })).toMatchObject({ ok: false, missing: [id] });
});
