import type { TestimonyAttack } from './attack.ts';

/** The caller sees its own question beside it. */
export const answerToAnother: TestimonyAttack = {
  name: 'answer-to-another',
  adversary: 'proxy operator that reuses an attested answer',
  aim: 'payment per question for one call',
  caughtBy: 'request',
  bend({ testimony: { request }, reader }, { testimony: other }) {
    return { testimony: { ...other, ...(request && { request }) }, reader };
  },
};
