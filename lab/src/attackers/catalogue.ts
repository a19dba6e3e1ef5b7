import type { AttackDefinition } from './attack.ts';
import { MASSAGE_ATTACKS } from './massaged-draws.ts';
import { PREFILL_ATTACKS, prefill } from './prefill.ts';
import { resale, seedReplay, staleReply } from './resale.ts';
import { substitute } from './substitute.ts';
import { tamper } from './tamper.ts';
import { WEIGHT_ATTACKS } from './weights.ts';
import { openLate, withhold } from './withhold.ts';

/** Every attack that is played, one name each. A new one is a file and a line here. */
export const ATTACKS: readonly AttackDefinition[] = [
  prefill,
  substitute,
  tamper,
  withhold,
  openLate,
  ...WEIGHT_ATTACKS,
  ...PREFILL_ATTACKS,
  ...MASSAGE_ATTACKS,
  resale,
  staleReply,
  seedReplay,
];

export const ATTACK_NAMES: readonly string[] = ATTACKS.map(({ name }) => name);

/** @throws RangeError */
export function findAttack(name: string): AttackDefinition {
  const found = ATTACKS.find((attack) => attack.name === name);
  if (found === undefined) throw new RangeError(`there is no attack ${name}; there are ${ATTACK_NAMES.join(', ')}`);
  return found;
}
