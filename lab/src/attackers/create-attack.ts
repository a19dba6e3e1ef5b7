import type { Attack, AttackContext } from './attack.ts';
import { findAttack } from './catalogue.ts';

export const createAttack = (name: string, context: AttackContext): Attack => findAttack(name).create(context);
