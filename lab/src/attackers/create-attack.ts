import type { Attack, AttackContext, CheatMode, CreateAttack } from './attack.ts';
import { createPrefillAttack } from './prefill.ts';
import { createSubstituteAttack } from './substitute.ts';
import { createTamperAttack } from './tamper.ts';
import { createWithholdAttack } from './withhold.ts';

const attacks: Readonly<Record<CheatMode, CreateAttack>> = {
  prefill: createPrefillAttack,
  substitute: createSubstituteAttack,
  tamper: createTamperAttack,
  withhold: createWithholdAttack,
};

export function createAttack(mode: CheatMode, context: AttackContext): Attack {
  return attacks[mode](context);
}
