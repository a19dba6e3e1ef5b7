import { defineAttack } from '../define-attack.ts';
import { openBilling } from './billed-reply.ts';

interface TwoRecordsNetwork {
  /** When the consumer tells the validator what it was given; `never`: as a consumer that says nothing. */
  readonly acknowledges: 'before the provider' | 'after the provider' | 'never';
}

/** The consumer reads an advert with a flawless receipt; the validator gets the true model's reply to the same order. */
export const twoRecords = defineAttack({
  name: 'two-records',
  adversary: 'provider that shows its validator another reply than its consumer',
  aim: 'sell the consumer one reply and have another one judged and paid, both signed for one order',
  stoppedBy: 'The payer signs which record arrived, and the verdict covers that one',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ acknowledges }: TwoRecordsNetwork, breaks) {
    const { validator, serve, audit } = await openBilling(breaks);
    const order = validator.order(0);
    await validator.intake.admit(order);
    const advert = validator.serve(order, { text: 'Buy my book instead.' });
    const honest = serve(validator.serve(order));

    const steps = [
      ...(acknowledges === 'before the provider' ? [() => validator.acknowledge(order, advert)] : []),
      () => validator.intake.pushRecord(honest.submission).catch(() => 'refused'),
      ...(acknowledges === 'after the provider' ? [() => validator.acknowledge(order, advert)] : []),
    ];
    for (const step of steps) {
      await breaks.take();
      await step();
    }
    await audit();
    const row = validator.find(order.fields.replyId);
    const entry = validator.decided.at(-1) ?? undefined;
    const isServing = await validator.intake.admit(validator.order(1)).then(
      () => true,
      () => false,
    );
    await validator.close();
    if (entry === undefined || row.verdict !== entry.verdict) return { entry: undefined, isServing };
    const { verdict, evidence, ejects, feeAtomic } = entry;
    return { entry: { verdict, evidence, ejects, feeAtomic }, isServing };
  },
  async stage({ play }) {
    const { entry, isServing } = await play({ acknowledges: 'after the provider' });
    const { verdict, evidence, ejects, feeAtomic } = entry ?? {};
    return {
      tried: 'gave the consumer an advert and the validator the honest reply, both signed for one order',
      answered: [
        `the consumer signed for what it got: ${verdict ?? 'no verdict'}, ${evidence ?? 'no'} evidence`,
        `the provider is ${ejects ? 'ejected' : 'not ejected'}, and its next order is ${isServing ? 'taken' : 'refused'}`,
      ],
      money: `${feeAtomic ?? 0n} atomic units are paid for the reply`,
      worked: isServing || feeAtomic !== 0n,
    };
  },
});
