import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { DOUBT_PRICE } from '@ogong/protocol/settlement/audit-balance';
import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import { parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { SYNTHETIC_CLASS } from '@ogong/testing/synthetic/synthetic-divergence';
import { ledger, payer, provider, providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { createTestOrder, type TestReply } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { listEntries } from '../../store/batch-store.ts';
import { readChannel } from '../../store/channel-store.ts';
import { takeOut } from '../../store/replies/refused-store.ts';
import { createTestStates, OWN_TESTS } from '../../store/sequential-store.ts';
import { checkEntry } from './entry-check.ts';

/** A reply in tier replay that one verifier could only compare, so that its audit leaves a doubt. Its key has this credit. */
async function leaveDoubt(demands: object, credit = DOUBT_PRICE, accepted = 0) {
  const served = new Map<string, TestReply>();
  const inexact = { exact: false, numericClass: SYNTHETIC_CLASS };
  const four = await createFour({
    audit: { honeypotPpm: 0 },
    verifiers: (peer, job) => answerHonestly(served, inexact)(peer, job),
    getOpening: async (_peer, replyId) => (served.get(toHex(replyId)) as TestReply).reply.openingBytes,
  });
  const { own, peers, clock } = four;
  const tests = { ...INITIAL_TESTS, balance: { credit, debtAtomic: 0n } };
  createTestStates(own.store, OWN_TESTS).put(providerId, tests);
  for (const { store } of [own, ...peers]) createTestStates(store, own.signer.address).put(providerId, tests);
  for (let index = 0; index < accepted; index++) {
    const before = await own.deliver(index);
    served.set(toHex(before.reply.record.replyId), before);
  }
  const order = createTestOrder({
    ...{ payer, ledger, provider, index: accepted, epoch: own.archive.latest().epoch, demands },
    validator: own.signer.address,
    expiresAtMs: clock.nowMs() + 120_000,
    model: 'ogong/replay/test/synthetic',
  });
  await own.intake.admit(order);
  const posture = { tier: 'replay', method: 'exact-replay', numericClass: SYNTHETIC_CLASS };
  const reply = own.serve(order, { bend: { header: (header) => ({ ...header, ...posture }) } });
  served.set(toHex(order.fields.replyId), reply);
  await own.intake.pushRecord(reply.submission);
  const { owed } = readChannel(own.store, payer.address);
  await four.certifyAll();
  await own.runAudits();
  for (const one of peers) await one.certifyUpTo(own.archive.latest().epoch);
  const [peer, other] = peers as readonly [TestValidator, TestValidator];
  return { own, peer, other, owed, replyId: order.fields.replyId, request: await proposeUnheard(four) };
}

describe('a reply whose audit leaves a doubt', () => {
  describe('of a key with enough credit', () => {
    let doubted: Awaited<ReturnType<typeof leaveDoubt>>;
    beforeAll(async () => {
      doubted = await leaveDoubt({});
    });

    it('is paid if its request says nothing', async () => {
      const { own, other, owed, request } = doubted;
      expect(own.decided).toMatchObject([{ verdict: 'inconclusive', feeAtomic: owed }]);
      expect(owed).toBeGreaterThan(0n);
      expect((await other.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
    });

    it('is refused by a co-signer that counts less credit', async () => {
      const { own, peer, request } = doubted;
      createTestStates(peer.store, own.signer.address).put(providerId, INITIAL_TESTS);
      await expect(peer.cosigner.cosign(own.signer.address, request)).rejects.toThrow('owed are 0');
    });
  });

  describe('of a key with too little credit', () => {
    let doubted: Awaited<ReturnType<typeof leaveDoubt>>;
    beforeAll(async () => {
      doubted = await leaveDoubt({}, DOUBT_PRICE - 1);
    });

    it('is not paid, and the payer has its money back', async () => {
      const { own, other, owed, request } = doubted;
      expect(owed).toBeGreaterThan(0n);
      expect(own.decided).toMatchObject([{ verdict: 'inconclusive', feeAtomic: 0n }]);
      expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
      expect((await other.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
    });

    it('is refused by a co-signer if it is paid all the same, and if its key has the credit', async () => {
      const { own, peer, owed, request } = doubted;
      const [message] = request.entries as [BatchEntry];
      const entry = parseVerdictEntry(message.logEntry);
      const check = (feeAtomic: bigint, credit: number, fineAtomic = 0n) => {
        const balance = { credit, debtAtomic: 0n };
        return checkEntry(peer.cosigning, own.signer.address, { ...entry, feeAtomic, fineAtomic }, message, balance);
      };
      await check(0n, DOUBT_PRICE - 1, entry.fineAtomic);
      await check(owed, DOUBT_PRICE);
      await expect(check(owed, DOUBT_PRICE - 1)).rejects.toThrow('owed are 0');
      await expect(check(0n, DOUBT_PRICE)).rejects.toThrow(`owed are ${owed}`);
      await expect(check(0n, DOUBT_PRICE - 1, entry.fineAtomic + 1n)).rejects.toThrow('its audit comes to');
    });
  });

  it('leaves the log with the reply that gave its key the credit', async () => {
    const { own, replyId, request } = await leaveDoubt({}, DOUBT_PRICE - 1, 1);
    const [accepted, doubted] = own.decided as [VerdictEntry, VerdictEntry];
    expect([accepted, doubted].map(({ verdict }) => verdict)).toEqual(['accept', 'inconclusive']);
    expect(request.entries).toHaveLength(2);
    expect(doubted.feeAtomic).toBeGreaterThan(0n);
    const context = { crypto, validator: own.signer.address };
    takeOut(own.store, context, 1n, [accepted.index]);
    expect(listEntries(own.store, 0n, -1)).toEqual([]);
    expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n });
    expect(own.find(replyId).state).toBe('refused');
  });

  describe('under a request that pays for accepted replies only', () => {
    let doubted: Awaited<ReturnType<typeof leaveDoubt>>;
    beforeAll(async () => {
      doubted = await leaveDoubt({ settle: 'accepted' });
    });

    it('is not paid', () => {
      const { own, owed, replyId } = doubted;
      expect(owed).toBeGreaterThan(0n);
      expect(own.decided).toMatchObject([{ verdict: 'inconclusive', feeAtomic: 0n }]);
      expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
      expect(own.find(replyId).feeAtomic).toBe(0n);
    });

    it('is refused by a co-signer that finds it paid', async () => {
      const { own, peer, owed, request } = doubted;
      const [message] = request.entries as [BatchEntry];
      const entry = parseVerdictEntry(message.logEntry);
      await checkEntry(peer.cosigning, own.signer.address, entry, message);
      const paid = checkEntry(peer.cosigning, own.signer.address, { ...entry, feeAtomic: owed }, message);
      await expect(paid).rejects.toThrow('owed are 0');
    });

    it('is signed as it is', async () => {
      const { own, other, request } = doubted;
      expect((await other.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
    });
  });
});
