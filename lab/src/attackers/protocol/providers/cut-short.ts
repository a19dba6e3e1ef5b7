import { defineAttack } from '../define-attack.ts';
import { describeVerdict, openBilling, priceReply } from './billed-reply.ts';

/** The provider generates one token, claims that its consumer has left, and bills the prompt. All else is honest. */
export const cutShort = defineAttack({
  name: 'cut-short',
  adversary: 'provider that stops at the first token and blames its consumer',
  aim: 'bill a whole prompt for the work of one token',
  stoppedBy: "A reply that was cut short is paid only by its payer's signed progress",
  restarts: ['validator', 'signer', 'verifier'],
  async play(_, breaks) {
    const { validator, serve, audit } = await openBilling(breaks);
    const order = validator.order(0, {}, undefined, 1);
    await validator.intake.admit(order);
    const cut = serve(
      validator.serve(order, { text: 'once', bend: { header: (header) => ({ ...header, stopReason: 'cancelled' }) } }),
    );
    await breaks.take();
    await validator.intake.pushRecord(cut.submission);
    await audit();
    await validator.close();
    return { entry: validator.decided[0], claimedAtomic: priceReply(cut) };
  },
  async stage({ play }) {
    const { entry, claimedAtomic } = await play();
    const paidAtomic = entry?.feeAtomic ?? 0n;
    return {
      tried: 'generated one token, signed a record that the consumer has left, and delivered it',
      answered: [describeVerdict(entry)],
      money: `${paidAtomic} of ${claimedAtomic} atomic units are paid`,
      worked: entry?.verdict !== 'accept' || paidAtomic > 0n || claimedAtomic === 0n,
    };
  },
});
