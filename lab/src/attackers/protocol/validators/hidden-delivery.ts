import { createFour } from '@ogong/testing/validator/test-four';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS, openAttacked } from '../breaks.ts';

export interface HiddenDeliveryOutcome {
  /** What the other validators answered to the consumer. */
  readonly heard: readonly string[];
  /** Why co-signers took entries out of the log. */
  readonly refusals: readonly string[];
  /** Replies that the chain has. */
  readonly settled: number;
  /** What is drawn from the consumer. */
  readonly drawnAtomic: bigint;
}

/**
 * A provider gives its consumer an advert, and hands the true model's reply to a validator in league with it. That validator takes
 * in nothing of what the consumer says: not from the consumer, and not from those who co-sign.
 */
export const hiddenDelivery: ProtocolAttack<
  { /** How many of three other validators the consumer reaches. */ readonly heardBy: number },
  Promise<HiddenDeliveryOutcome>
> = {
  name: 'hidden-delivery',
  adversary: "validator that hides a payer's delivery statement",
  aim: 'have another record judged and paid than the consumer was given, by keeping from co-signers what the consumer said',
  stoppedBy: 'The beacon draws further validators that receive the statement, and co-signers ask them',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ heardBy }, breaks = NO_BREAKS) {
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
};
