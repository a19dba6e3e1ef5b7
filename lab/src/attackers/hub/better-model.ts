import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { type AnsweredQuestion, createTestEvaluation } from '@ogong/testing/hub/test-evaluation';
import type { HubAttack } from './attack.ts';
import { checkRows } from './check-rows.ts';

/** It has the hard questions answered by another model. */
export const betterModel: HubAttack = {
  name: 'better-model',
  adversary: 'author of an evaluation some of whose answers are from another model',
  aim: 'a better score than the model has',
  stoppedBy: 'Each receipt names the model root of its answer, and all have to name the same one',
  caughtBy: 'model',
  async play() {
    const made = createTestEvaluation(crypto);
    const [one, ...others] = made.answered as [AnsweredQuestion, ...AnsweredQuestion[]];
    const question = made.header.set.questions.find(({ id }) => id === one.row.id);
    if (question === undefined) throw new Error('the set lacks its first question');
    return checkRows(made, [made.answer(question, { seed: 2 }), ...others]);
  },
};
