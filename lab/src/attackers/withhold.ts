import { setTimeout as delay } from 'node:timers/promises';
import type { AttackDefinition } from './attack.ts';
import { substitute } from './substitute.ts';

/** Serves and signs honestly, then opens nothing. A reply without an opening cannot be checked and is not paid. */
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

/**
 * Cheats and withholds the opening: a withheld opening raises doubt, an opened cheat is proof. It withholds it from the
 * consumer's gateway too, which asks for the same opening.
 */
export const withholdCheated: AttackDefinition = {
  name: 'withhold-cheated',
  family: 'behaviour',
  aim: 'trade proof of a cheat for the lesser offence of a withheld opening',
  caughtBy: ['opening'],
  uncaught:
    "the cheat itself: only that it was not opened. How long that is borne is the operator's tolerance for openings",
  ...(substitute.cheap ? { cheap: substitute.cheap } : {}),
  create: (context) => ({
    ...substitute.create(context),
    name: withholdCheated.name,
    aim: withholdCheated.aim,
    openOpening() {
      throw new Error('the opening is withheld');
    },
  }),
};

/** Longer than any audit waits. */
const LATE_MS = 3_600_000;

/** Opens everything an hour after it is asked, to delay an audit or to gain time to decide. */
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
