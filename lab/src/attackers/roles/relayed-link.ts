import type { RoleAttack } from './attack.ts';

/** Whoever ends the link reads who asks, and hands the calls on to a machine that is good. */
export const relayedLink: RoleAttack = {
  name: 'relayed-link',
  adversary: 'router whose links end in front of its machine, under another certificate',
  aim: 'read who asks for what on the way into a machine that keeps it to itself',
  caughtBy: 'report-data',
  bend: ({ shown, beacon }) => ({ beacon, shown: { ...shown, certHash: shown.certHash.map((byte) => byte ^ 1) } }),
};
