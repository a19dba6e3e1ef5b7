import type { TestimonyAttack } from './attack.ts';

/** Whoever asked sees its own question beside it. */
export const answerToAnother: TestimonyAttack = {
  name: 'answer-to-another',
  adversary: 'operator of a proxy that hands on the attested answer to another question',
  aim: 'be paid for each question, and ask the hosted model once',
  caughtBy: 'request',
  bend({ testimony: { request }, reader }, { testimony: other }) {
    return { testimony: { ...other, ...(request && { request }) }, reader };
  },
};
