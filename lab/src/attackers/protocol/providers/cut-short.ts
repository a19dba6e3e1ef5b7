import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** The provider generates one token, says that its consumer has left, and bills the prompt. Everything else is honest. */
export const cutShort = defineAttack({
  name: 'cut-short',
  adversary: 'provider that stops at the first token and blames its consumer',
  aim: 'bill a whole prompt for the work of one token',
  stoppedBy: "A reply that was cut short is paid only by its payer's signed progress",
  restarts: ['validator', 'signer', 'verifier'],
  async play(_network, breaks) {
    const served = new Map<string, TestReply>();
    const validator = openAttacked(breaks, {
      audit: { honeypotPpm: 0 },
      verifiers: (peer, job) => answerHonestly(served)(peer, job),
      getOpening: async () => (served.get('cut') as TestReply).reply.openingBytes,
    });
    await validator.announce(provider);
    await validator.announceVerifier('v1');
    const order = validator.order(0, {}, undefined, 1);
    await validator.intake.admit(order);
    const stop = (header: Header): Header => ({ ...header, stopReason: 'cancelled' });
    const cut = validator.serve(order, { text: 'once', bend: { header: stop } });
    served.set('cut', cut);
    await breaks.take();
    await validator.intake.pushRecord(cut.submission);
    await breaks.take();
    await validator.certify();
    await validator.runAudits();
    const [entry] = validator.decided;
    await validator.close();
    const { promptTokenCount, outputTokenCount } = cut.reply.header;
    const { pricePer1kAtomic } = order.fields;
    const claimedAtomic = (pricePer1kAtomic * BigInt(promptTokenCount + outputTokenCount) + 999n) / 1_000n;
    return { entry: entry && { verdict: entry.verdict, feeAtomic: entry.feeAtomic }, claimedAtomic };
  },
  async stage({ play }) {
    const { entry, claimedAtomic } = await play();
    const paidAtomic = entry?.feeAtomic ?? 0n;
    return {
      tried: 'generated one token, signed a record that says that the consumer has left, and handed it in',
      answered: [`the reply is judged: ${entry?.verdict ?? 'no verdict'}`],
      money: `${paidAtomic} of ${claimedAtomic} atomic units are paid`,
      worked: entry?.verdict !== 'accept' || paidAtomic > 0n || claimedAtomic === 0n,
    };
  },
});
