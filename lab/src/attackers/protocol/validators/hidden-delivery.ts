import { createFour } from '@ogong/testing/validator/test-four';
import { openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

/**
 * A provider gives its consumer an advert, and delivers the true model's reply to a validator in league with it. That
 * validator accepts no delivery statement of the consumer, neither from the consumer nor from co-signers.
 */
export const hiddenDelivery = defineAttack({
  name: 'hidden-delivery',
  adversary: "validator that hides a payer's delivery statement",
  aim: 'have another record accepted and paid than the one that the consumer got, by hiding the delivery statement from co-signers',
  stoppedBy: 'The beacon draws further validators that receive the statement, and co-signers ask them',
  restarts: ['validator', 'signer', 'verifier'],
  async play(
    { heardBy }: { /** How many of three other validators the consumer reaches. */ readonly heardBy: number },
    breaks,
  ) {
    const four = await createFour(
      (index) => ({ audit: { honeypotPpm: 0 }, hidesDeliveries: index === 0 }),
      (options) => openAttacked(breaks, options),
    );
    const { own, peers, chain } = four;
    const order = own.order(0);
    const admission = await own.intake.admit(order);
    const advert = own.serve(order, { text: 'Buy my book instead.' });
    const honest = own.serve(order);
    await breaks.take();
    await own.intake.pushRecord(honest.submission);
    const heard: string[] = [];
    for (const peer of peers.slice(0, heardBy)) heard.push(await peer.hear(order, advert, { admission }));
    await breaks.take();
    await four.certifyAll();
    await own.runAudits();
    do await breaks.take();
    while (await own.settlement.step().catch(() => false));
    const settled = chain.settled.reduce((sum, { batch }) => sum + Number(batch.logLength), 0);
    const debits = chain.settled.flatMap((batch) => batch.debits);
    const drawnAtomic = debits.reduce((sum, { amount }) => sum + amount, 0n);
    return { heard: [...new Set(heard)], refusals: own.refusals, settled, drawnAtomic };
  },
  async stage({ play }) {
    const { heard, refusals, settled, drawnAtomic } = await play({ heardBy: 1 });
    return {
      tried: 'gave the consumer an advert, had the honest reply judged, and hid what the consumer said',
      answered: [
        `another validator answered the consumer: ${heard.join(', ')}`,
        ...countTexts(refusals),
        `${settled} of them are on the chain`,
      ],
      money: `${drawnAtomic} atomic units are drawn from the consumer`,
      worked: settled > 0 || drawnAtomic > 0n,
    };
  },
});
