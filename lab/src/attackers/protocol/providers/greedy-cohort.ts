import type { CohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { ledger, provider } from '@ogong/testing/validator/test-bench';
import { createTestCohort } from '@ogong/testing/validator/test-cohort';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** One layer of the last shard is the second one's, too: nine parts of eight. */
const overlap = (terms: CohortTerms): CohortTerms => ({
  ...terms,
  shards: terms.shards.map((one, i) => (i === 2 ? { ...one, firstLayer: one.firstLayer - 1, layers: 2 } : one)),
});

export const greedyCohort = defineAttack({
  name: 'greedy-cohort',
  adversary: 'provider that splits a fee wrongly, or with a key that never agreed',
  aim: 'have more paid than the fee, or have a name that it does not own stand for its work',
  stoppedBy: 'The layers of a cohort tile the model, so parts sum to the fee, and each shard signs its part',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_, breaks) {
    const validator = openAttacked(breaks);
    await validator.announce(provider);
    const order = validator.order(0);
    await validator.intake.admit(order);
    const { submission } = validator.serve(order);
    const words = [
      createTestCohort({ provider, ledger, terms: overlap }),
      createTestCohort({ provider, ledger, signers: [provider, createTestHybrid('third shard')] }),
    ];
    const refusals: string[] = [];
    for (const { word } of words) {
      await breaks.take();
      await validator.intake.pushRecord({ ...submission, cohort: word }).catch((error: Error) => {
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
      tried: 'handed a reply in with nine parts of a fee of eight, and with a shard whose key signed nothing',
      answered: refusals,
      money: `${owedAtomic} atomic units are owed for it`,
      worked: owedAtomic !== 0n || refusals.length !== 2,
    };
  },
});
