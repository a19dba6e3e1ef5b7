import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { bareSubmission } from '@ogong/protocol/verdict/summarize';
import { ledger, payer, provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { createTestOrder, submitWithProgress, type TestReply } from '@ogong/testing/validator/test-reply';
import { expect, it } from 'vitest';
import { checkEntry } from './entry-check.ts';

const STANDBY_PER_1K = 1_000n;
const price = (per1k: bigint, tokens: number): bigint => (per1k * BigInt(tokens) + 999n) / 1_000n;

it.each([true, false])(
  'co-signers bill a standby order by the statement that its payer has signed, or has not: taken %s',
  async (isTaken) => {
    const served = new Map<string, TestReply>();
    const four = await createFour({
      audit: { honeypotPpm: 0 },
      verifiers: (peer, job) => answerHonestly(served)(peer, job),
      getOpening: async () => (served.get('only') as TestReply).reply.openingBytes,
      getTexts: async () => (served.get('only') as TestReply).submission,
    });
    const { own, peers, clock } = four;
    const order = createTestOrder({
      ...{ payer, ledger, provider, index: 1, epoch: own.archive.latest().epoch, validator: own.signer.address },
      ...{ expiresAtMs: clock.nowMs() + 120_000, tokens: 20, demands: { standby: Number(STANDBY_PER_1K) } },
    });
    await own.intake.admit(order);
    const reply = own.serve(order);
    served.set('only', reply);
    const word = { payer, ledger, bend: { textBytes: 4, hasLeft: false } };
    const handed = isTaken ? submitWithProgress(order, reply, word) : reply.submission;
    // Nobody needs a text to see whether its payer took it.
    await own.intake.pushRecord(bareSubmission(crypto, handed));
    await four.certifyAll();
    await own.runAudits();
    for (const one of peers) await one.certifyUpTo(own.archive.latest().epoch);
    const { promptTokenCount, outputTokenCount } = reply.reply.header;
    const whole = price(order.fields.pricePer1kAtomic, promptTokenCount + outputTokenCount);
    const standby = price(STANDBY_PER_1K, promptTokenCount);
    const [right, wrong] = isTaken ? [whole, standby] : [standby, whole];
    expect(own.decided).toMatchObject([{ verdict: 'accept', feeAtomic: right }]);

    const request = await proposeUnheard(four);
    const [message] = request.entries as [BatchEntry];
    const entry = parseVerdictEntry(message.logEntry);
    const [peer, other] = peers as readonly [TestValidator, TestValidator];
    await checkEntry(peer.cosigning, own.signer.address, entry, message);
    const bent = checkEntry(peer.cosigning, own.signer.address, { ...entry, feeAtomic: wrong }, message);
    await expect(bent).rejects.toThrow(`owed are ${right}`);
    expect((await other.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
  },
);
