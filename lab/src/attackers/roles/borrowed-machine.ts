import type { RoleAttack } from './attack.ts';

/** The tickets are signed outside, and the machine is a good one of somebody else. */
export const borrowedMachine: RoleAttack = {
  name: 'borrowed-machine',
  adversary: 'router that shows the machine of another router beside tickets of its own key',
  aim: 'be asked by those who demand an attested router, and keep who asked for what',
  caughtBy: 'report-data',
  bend: ({ shown, beacon }, { other }) => ({ beacon, shown: { ...shown, evidence: other.shown.evidence } }),
};
