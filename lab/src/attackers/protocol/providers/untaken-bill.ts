import { ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestOrder, submitWithProgress, type TestReply } from '@ogong/testing/validator/test-reply';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const STANDBY_PER_1K = 1_000n;
const TOKENS = 20;
const price = (per1k: bigint, tokens: number): bigint => (per1k * BigInt(tokens) + 999n) / 1_000n;

/**
 * Another provider was faster, and the payer left this one's reply untaken. It makes the reply all the same, drops the payer's word, and
 * bills prompt and answer; first with the word by which the payer took the other one.
 */
export const untakenBill = defineAttack({
  name: 'untaken-bill',
  adversary: 'standby provider that bills an answer that nobody took',
  aim: 'be paid for an answer that its payer has taken from somebody else',
  stoppedBy: 'A standby order bills only its prompt until its payer signs for some of the text',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_network, breaks) {
    const served = new Map<string, TestReply>();
    const validator = openAttacked(breaks, {
      audit: { honeypotPpm: 0 },
      verifiers: (peer, job) => answerHonestly(served)(peer, job),
      getOpening: async () => (served.get('lost') as TestReply).reply.openingBytes,
    });
    await validator.announce(provider);
    await validator.announceVerifier('v1');
    const createOrder = (index: number) =>
      createTestOrder({
        ...{ payer, ledger, provider, index, validator: validator.signer.address, tokens: TOKENS },
        ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
        demands: { standby: Number(STANDBY_PER_1K) },
      });
    const [lost, won] = [createOrder(0), createOrder(1)];
    await validator.intake.admit(lost);
    const untaken = validator.serve(lost);
    served.set('lost', untaken);
    const taken = { textBytes: 4, hasLeft: false };
    const { progress } = submitWithProgress(won, validator.serve(won), { payer, ledger, bend: taken });
    await breaks.take();
    const forged = await validator.intake.pushRecord({ ...untaken.submission, progress }).then(
      () => '',
      (error: Error) => error.message,
    );
    await validator.intake.pushRecord(untaken.submission);
    await breaks.take();
    await validator.certify();
    await validator.runAudits();
    const [entry] = validator.decided;
    await validator.close();
    const { promptTokenCount, outputTokenCount } = untaken.reply.header;
    return {
      ...{ forged, entry: entry && { verdict: entry.verdict, feeAtomic: entry.feeAtomic } },
      standbyAtomic: price(STANDBY_PER_1K, promptTokenCount),
      claimedAtomic: price(lost.fields.pricePer1kAtomic, promptTokenCount + outputTokenCount),
    };
  },
  async stage({ play }) {
    const { forged, entry, standbyAtomic, claimedAtomic } = await play();
    const paidAtomic = entry?.feeAtomic ?? 0n;
    return {
      tried:
        'made an answer to its end whose payer took another one, and billed it: with the word about the other one, and with none',
      answered: [
        `to the first bill: ${forged || 'it is taken'}`,
        `the reply is judged: ${entry?.verdict ?? 'no verdict'}`,
      ],
      money: `${paidAtomic} of ${claimedAtomic} atomic units are paid, for standing by`,
      worked: forged === '' || entry === undefined || paidAtomic > standbyAtomic,
    };
  },
});
