import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS, openAttacked } from '../breaks.ts';

export interface TwoRecordsNetwork {
  /** When the consumer tells the validator what it was given; `never`: as a consumer that says nothing. */
  readonly acknowledges: 'before the provider' | 'after the provider' | 'never';
}

export interface TwoRecordsOutcome {
  /** The entry about the reply: what was judged, and what it pays. */
  readonly entry: Pick<VerdictEntry, 'verdict' | 'evidence' | 'ejects' | 'feeAtomic'> | undefined;
  /** Whether the provider gets another order. */
  readonly isServing: boolean;
}

/** The consumer reads an advert with a flawless receipt; the validator gets the true model's reply to the same order. */
export const twoRecords: ProtocolAttack<TwoRecordsNetwork, Promise<TwoRecordsOutcome>> = {
  name: 'two-records',
  adversary: 'provider that shows its validator another reply than its consumer',
  aim: 'sell the consumer one reply and have another one judged and paid, both signed for one order',
  stoppedBy: 'The payer signs which record arrived, and the verdict covers that one',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ acknowledges }, breaks = NO_BREAKS) {
    const served = new Map<string, TestReply>();
    const validator = openAttacked(breaks, {
      audit: { honeypotPpm: 0 },
      verifiers: (peer, job) => answerHonestly(served)(peer, job),
      getOpening: async () => (served.get('honest') as TestReply).reply.openingBytes,
    });
    await validator.announce(provider);
    await validator.announceVerifier('v1');
    const order = validator.order(0);
    await validator.intake.admit(order);
    const advert = validator.serve(order, { text: 'Buy my book instead.' });
    const honest = validator.serve(order);
    served.set('honest', honest);

    const steps = [
      ...(acknowledges === 'before the provider' ? [() => validator.acknowledge(order, advert)] : []),
      () => validator.intake.pushRecord(honest.submission).catch(() => 'refused'),
      ...(acknowledges === 'after the provider' ? [() => validator.acknowledge(order, advert)] : []),
    ];
    for (const step of steps) {
      await breaks.take();
      await step();
    }
    await breaks.take();
    await validator.certify();
    await validator.runAudits();
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
};
