import type { RoleAttack } from './attack.ts';

/** The attacker that ends the link reads the requests, and forwards the calls to a good machine. */
export const relayedLink: RoleAttack = {
  name: 'relayed-link',
  adversary: 'router whose links end in front of its machine',
  aim: 'reading requests on their way',
  caughtBy: 'report-data',
  bend: ({ shown, beacon }) => ({ beacon, shown: { ...shown, certHash: shown.certHash.map((byte) => byte ^ 1) } }),
};
