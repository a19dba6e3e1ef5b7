import { defineAttack } from '../define-attack.ts';
import { addProgress, describeVerdict, openBilling, priceReply } from './billed-reply.ts';

/** The payer takes the whole reply, claims that its provider died in the middle, and delivers an early milestone of it. */
export const earlyMilestone = defineAttack({
  name: 'early-milestone',
  adversary: 'payer that declares its provider dead and delivers an early milestone',
  aim: 'pay for the beginning of a reply and have all of it',
  stoppedBy: 'A milestone counts only if its provider delivers no record',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_, breaks) {
    const { validator, serve, audit } = await openBilling(breaks);
    const order = validator.order(0);
    await validator.intake.admit(order);
    const early = validator.serve(order, {
      ...{ text: 'once', tokens: 8 },
      bend: {
        header: (header) => ({ ...header, stopReason: 'cancelled' }),
        record: (record) => ({ ...record, isMilestone: true }),
      },
    });
    const whole = serve(validator.serve(order));
    const milestone = addProgress(order, early, { textBytes: early.reply.response.length });
    await validator.intake.pushMilestone(milestone, early.reply.openingBytes);
    await breaks.take();
    await validator.intake.pushRecord(whole.submission);
    await audit();
    await validator.close();
    return { entry: validator.decided[0], wholeAtomic: priceReply(whole) };
  },
  async stage({ play }) {
    const { entry, wholeAtomic } = await play();
    const paidAtomic = entry?.feeAtomic ?? 0n;
    return {
      tried: "took a whole reply, and delivered its provider's signed record of the beginning",
      answered: [describeVerdict(entry)],
      money: `${paidAtomic} of ${wholeAtomic} atomic units are paid`,
      worked: entry?.verdict !== 'accept' || paidAtomic !== wholeAtomic,
    };
  },
});
