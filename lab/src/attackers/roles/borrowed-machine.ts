import type { RoleAttack } from './attack.ts';

/** The tickets are signed outside, and the machine is a good one of somebody else. */
export const borrowedMachine: RoleAttack = {
  name: 'borrowed-machine',
  adversary: 'router with the machine of another router',
  aim: 'requests that demand an attested router',
  caughtBy: 'report-data',
  bend: ({ shown, beacon }, { other }) => ({ beacon, shown: { ...shown, evidence: other.shown.evidence } }),
};
