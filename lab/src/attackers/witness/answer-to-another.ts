import type { WitnessAttack } from './attack.ts';

/** Whoever asked sees its own question beside it. */
export const answerToAnother: WitnessAttack = {
  name: 'answer-to-another',
  adversary: 'operator of a proxy that hands on the witnessed answer to another question',
  aim: 'be paid for each question, and ask the hosted model once',
  caughtBy: 'request',
  bend({ witness: { request }, reader }, { witness: other }) {
    return { witness: { ...other, ...(request && { request }) }, reader };
  },
};
