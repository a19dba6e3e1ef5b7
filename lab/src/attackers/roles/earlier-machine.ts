import type { RoleAttack } from './attack.ts';

/** The machine was good once, and has been opened, or has left, since. */
export const earlierMachine: RoleAttack = {
  name: 'earlier-machine',
  adversary: 'router with evidence of an earlier epoch',
  aim: 'an attested label after it left its machine',
  caughtBy: 'report-data',
  bend: ({ shown, beacon }, { earlier }) => ({ beacon, shown: { ...shown, evidence: earlier.shown.evidence } }),
};
