import { setTimeout as delay } from 'node:timers/promises';
import type { AttackDefinition } from './attack.ts';

/** Serves and signs as it should, then opens nothing: what cannot be opened cannot be checked, and is not paid. */
export const withhold: AttackDefinition = {
  name: 'withhold',
  family: 'commitment',
  aim: 'be paid for replies that nobody can check',
  caughtBy: ['opening'],
  create: ({ engine }) => ({
    name: 'withhold',
    aim: withhold.aim,
    engine,
    openOpening() {
      throw new Error('the opening is withheld');
    },
  }),
};

/** Longer than any audit waits. */
const LATE_MS = 3_600_000;

/** Opens everything, an hour after it was asked: to keep an auditor waiting, or to change one's mind. */
export const openLate: AttackDefinition = {
  name: 'open-late',
  family: 'commitment',
  aim: 'let audits run out of time without refusing them',
  caughtBy: ['opening'],
  create: ({ engine }) => ({
    name: 'open-late',
    aim: openLate.aim,
    engine,
    openOpening: (opening) => delay(LATE_MS, opening, { ref: false }),
  }),
};
