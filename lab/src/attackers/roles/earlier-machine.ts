import type { RoleAttack } from './attack.ts';

/** The machine was good once, and has been opened, or has left, since. */
export const earlierMachine: RoleAttack = {
  name: 'earlier-machine',
  adversary: 'router that shows what its machine said in an earlier epoch',
  aim: 'be taken for attested after it has left its machine',
  caughtBy: 'report-data',
  bend: ({ shown, beacon }, { earlier }) => ({ beacon, shown: { ...shown, evidence: earlier.shown.evidence } }),
};
