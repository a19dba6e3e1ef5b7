import type { AttackDefinition } from './attack.ts';
import { fewerDirections, looserClass } from './class-claims.ts';
import { GRINDING_ATTACKS } from './draws/grinding.ts';
import { HEADER_ATTACKS } from './draws/header-lies.ts';
import { LEAF_ATTACKS } from './draws/leaves.ts';
import { MASK_ATTACKS } from './draws/mask-lies.ts';
import { MASSAGE_ATTACKS } from './draws/massaged-draws.ts';
import { renamedCandidates } from './draws/renamed-candidates.ts';
import { SAMPLER_ATTACKS } from './draws/sampler-cheats.ts';
import { sketchTrained } from './draws/sketch-trained.ts';
import { SKETCH_ATTACKS } from './draws/sketches.ts';
import { TAIL_ATTACKS } from './draws/tail.ts';
import { END_ATTACKS } from './ends.ts';
import { BEHAVIOUR_ATTACKS } from './policy.ts';
import { PREFILL_ATTACKS, prefill } from './prefill.ts';
import { PROMPT_ATTACKS } from './prompts.ts';
import { resale, seedReplay, staleReply } from './resale.ts';
import { substitute } from './substitute.ts';
import { tamper } from './tamper.ts';
import { WEIGHT_ATTACKS } from './weights.ts';
import { openLate, withhold, withholdCheated } from './withhold.ts';

/** Every attack that is played. A new attack is a file and a line here. */
export const ATTACKS: readonly AttackDefinition[] = [
  substitute,
  ...WEIGHT_ATTACKS,
  prefill,
  ...PREFILL_ATTACKS,
  ...MASSAGE_ATTACKS,
  renamedCandidates,
  ...SAMPLER_ATTACKS,
  ...MASK_ATTACKS,
  ...GRINDING_ATTACKS,
  ...TAIL_ATTACKS,
  ...END_ATTACKS,
  ...PROMPT_ATTACKS,
  resale,
  staleReply,
  seedReplay,
  tamper,
  ...SKETCH_ATTACKS,
  sketchTrained,
  ...LEAF_ATTACKS,
  ...HEADER_ATTACKS,
  looserClass,
  fewerDirections,
  withhold,
  openLate,
  withholdCheated,
  ...BEHAVIOUR_ATTACKS,
];

export const ATTACK_NAMES: readonly string[] = ATTACKS.map(({ name }) => name);

/** @throws RangeError */
export function findAttack(name: string): AttackDefinition {
  const found = ATTACKS.find((attack) => attack.name === name);
  if (found === undefined) throw new RangeError(`there is no attack ${name}; there are ${ATTACK_NAMES.join(', ')}`);
  return found;
}

/** Attacks that cannot be played: the protocol carries nothing to play them with, or their code does not exist yet. */
export const MISSING: Readonly<Record<string, string>> = {
  'tee-key-extraction':
    'tier `tee` is refused until there is code that attests; no key of an enclave exists that could be taken out of one',
  'dropped-image':
    'requests with images are refused (docs/spec/request.md), and nothing is carried that could be dropped',
};
