import type { RoleAttack } from './attack.ts';
import { borrowedMachine } from './borrowed-machine.ts';
import { earlierMachine } from './earlier-machine.ts';
import { relayedLink } from './relayed-link.ts';

export const ROLE_ATTACKS: readonly RoleAttack[] = [borrowedMachine, earlierMachine, relayedLink];
