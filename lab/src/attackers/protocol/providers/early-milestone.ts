import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { submitWithProgress, type TestReply } from '@ogong/testing/validator/test-reply';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** The payer takes the whole reply, says that its provider died in the middle, and hands in what that had signed by then. */
export const earlyMilestone = defineAttack({
  name: 'early-milestone',
  adversary: 'payer that declares its provider dead and delivers an early milestone',
  aim: 'pay for the beginning of a reply and have all of it',
  stoppedBy: 'A milestone counts only if its provider delivers no record',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_network, breaks) {
    const served = new Map<string, TestReply>();
    const validator = openAttacked(breaks, {
      audit: { honeypotPpm: 0 },
      verifiers: (peer, job) => answerHonestly(served)(peer, job),
      getOpening: async () => (served.get('whole') as TestReply).reply.openingBytes,
    });
    await validator.announce(provider);
    await validator.announceVerifier('v1');
    const order = validator.order(0);
    await validator.intake.admit(order);
    const early = validator.serve(order, {
      ...{ text: 'once', tokens: 8 },
      bend: {
        header: (header: Header): Header => ({ ...header, stopReason: 'cancelled' }),
        record: (record) => ({ ...record, isMilestone: true }),
      },
    });
    const whole = validator.serve(order);
    served.set('whole', whole);
    const textBytes = early.reply.response.length;
    await validator.intake.pushMilestone(
      submitWithProgress(order, early, { payer, ledger, bend: { textBytes } }),
      early.reply.openingBytes,
    );
    await breaks.take();
    await validator.intake.pushRecord(whole.submission);
    await breaks.take();
    await validator.certify();
    await validator.runAudits();
    const [entry] = validator.decided;
    await validator.close();
    const { promptTokenCount, outputTokenCount } = whole.reply.header;
    const { pricePer1kAtomic } = order.fields;
    const wholeAtomic = (pricePer1kAtomic * BigInt(promptTokenCount + outputTokenCount) + 999n) / 1_000n;
    return { entry: entry && { verdict: entry.verdict, feeAtomic: entry.feeAtomic }, wholeAtomic };
  },
  async stage({ play }) {
    const { entry, wholeAtomic } = await play();
    const paidAtomic = entry?.feeAtomic ?? 0n;
    return {
      tried: 'took a whole reply, and handed in what its provider had signed of the beginning',
      answered: [`the reply is judged: ${entry?.verdict ?? 'no verdict'}`],
      money: `${paidAtomic} of ${wholeAtomic} atomic units are paid`,
      worked: entry?.verdict !== 'accept' || paidAtomic !== wholeAtomic,
    };
  },
});
