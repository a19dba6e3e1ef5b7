import type { CohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { ledger, provider } from '@ogong/testing/validator/test-bench';
import { createTestCohort } from '@ogong/testing/validator/test-cohort';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** One layer of the leader is the second shard's, too: nine layers of eight. */
const overlap = (terms: CohortTerms): CohortTerms => ({
  ...terms,
  members: terms.members.map((one, i) => (i === 2 ? { ...one, firstLayer: one.firstLayer - 1, layers: 2 } : one)),
});
/** The leader asks for a unit more than the order pays. */
const overprice = (terms: CohortTerms): CohortTerms => ({
  ...terms,
  members: terms.members.map((one, i) => (i === 2 ? { ...one, pricePer1kAtomic: one.pricePer1kAtomic + 1n } : one)),
});

export const greedyCohort = defineAttack({
  name: 'greedy-cohort',
  adversary: 'provider that splits a fee wrongly, or with a key that never agreed',
  aim: 'have more paid than the fee, or have a name that it does not own stand for its work',
  stoppedBy:
    'The layers tile the model, prices sum to the price of the order, and each shard signs for this order alone',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_, breaks) {
    const validator = openAttacked(breaks);
    await validator.announce(provider);
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const named = { provider, ledger, order };
    const agreements = [
      createTestCohort({ ...named, terms: overlap }),
      createTestCohort({ ...named, terms: overprice }),
      createTestCohort({ ...named, order: validator.order(1) }),
      createTestCohort({ ...named, signers: [provider, createTestHybrid('second shard')] }),
    ];
    const refusals: string[] = [];
    for (const { agreement } of agreements) {
      await breaks.take();
      await validator.intake.pushRecord({ ...submission, cohort: agreement }).catch((error: Error) => {
        refusals.push(error.message);
      });
    }
    await breaks.take();
    const owedAtomic = validator.find(order.fields.replyId).feeAtomic ?? 0n;
    await validator.close();
    return { refusals, owedAtomic };
  },
  async stage({ play }) {
    const { refusals, owedAtomic } = await play();
    return {
      tried:
        'sent agreements with a layer twice, above the price of the order, for another order, and without a signature',
      answered: refusals,
      money: `${owedAtomic} atomic units are owed for it`,
      worked: owedAtomic !== 0n || refusals.length !== 4,
    };
  },
});
