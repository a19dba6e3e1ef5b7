import type { CreateAttack } from './attack.ts';

/** Serves and signs as it should, then opens nothing: what cannot be opened cannot be checked, and is not paid. */
export const createWithholdAttack: CreateAttack = ({ engine }) => ({
  mode: 'withhold',
  aim: 'be paid for replies that nobody can check',
  engine,
  openOpening() {
    throw new Error('the opening is withheld');
  },
});
