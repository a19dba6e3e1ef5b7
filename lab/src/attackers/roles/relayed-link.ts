import type { RoleAttack } from './attack.ts';

/** Whoever ends the link reads who asks, and hands the calls on to a machine that is good. */
export const relayedLink: RoleAttack = {
  name: 'relayed-link',
  adversary: 'router whose links end in front of its machine',
  aim: 'reading requests on their way',
  caughtBy: 'report-data',
  bend: ({ shown, beacon }) => ({ beacon, shown: { ...shown, certHash: shown.certHash.map((byte) => byte ^ 1) } }),
};
