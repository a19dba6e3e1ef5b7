import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { type AnsweredQuestion, createTestEvaluation } from '@ogong/testing/hub/test-evaluation';
import type { HubAttack } from './attack.ts';
import { checkRows } from './check-rows.ts';

/** It shows the receipt of an easy question under a hard one. */
export const borrowedReceipts: HubAttack = {
  name: 'borrowed-receipts',
  adversary: 'author of an evaluation whose receipts belong to other questions',
  aim: 'a better score than the answers give',
  stoppedBy:
    'The signed request of each row has to be that of its question, and no reply counts twice. **Left**: an author can repeat a run and publish the best file',
  caughtBy: 'requests',
  async play() {
    const made = createTestEvaluation(crypto);
    const [one, two, three] = made.answered as [AnsweredQuestion, AnsweredQuestion, AnsweredQuestion];
    const { request, response, receipt } = one.row;
    return checkRows(made, [one, { ...two, row: { ...two.row, request, response, receipt } }, three]);
  },
};
