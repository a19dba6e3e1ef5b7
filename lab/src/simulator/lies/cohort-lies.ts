import type { TextEngine } from '@ogong/engine/interface/text';
import { type Attack, disguiseEngine } from '../../attackers/attack.ts';
import type { CohortAttack } from '../../attackers/cohort/attack.ts';
import { COHORT_ATTACKS } from '../../attackers/cohort/catalogue.ts';
import { createWholeEngine, openSimulatedSegment } from '../roles/cohorts.ts';
import { CONTEXT_SIZE, MODEL_ID, type ProviderPlace } from '../roles/serving.ts';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';
import { flipBit } from './flip-bit.ts';
import { slabOf } from './lie-names.ts';

/** Per 1,000 tokens of a whole model. It costs far more than a cohort, so most orders go to cohorts. */
const WHOLE_PRICE = 20_000_000n;

/** Returns the attack of a lying member of cohorts; undefined if it lies on its wire alone. */
const findMemberAttack = (how: string | undefined): CohortAttack | undefined =>
  COHORT_ATTACKS.find(({ name }) => name === how);

/** Opens the slab of a provider, or the whole model. */
export function openCohortPart(index: number, providers: number, how: string | undefined): ProviderPlace['sold'] {
  const slab = slabOf(index, providers);
  if (slab === undefined) return { engine: createWholeEngine(CONTEXT_SIZE), priceAtomic: WHOLE_PRICE };
  const attack = findMemberAttack(how);
  return { segments: openSimulatedSegment(slab, { modelId: MODEL_ID, contextSize: CONTEXT_SIZE, attack }) };
}

/** Creates the parts of a lying leader's replies. */
export function createLeaderAttack(how: string | undefined): Pick<Attack, 'bendReply'> | undefined {
  const bendListed = findMemberAttack(how)?.bendListed;
  if (bendListed === undefined) return undefined;
  return {
    bendReply: (draft) => ({
      ...draft,
      header: { ...draft.header, boundaries: [...bendListed(draft.header.boundaries)] },
    }),
  };
}

/** Creates the engine of a verifier with the whole model. `frames` scores every reply with other weights. */
export function createCohortVerifier(how: string | undefined): TextEngine {
  const honest = createWholeEngine(CONTEXT_SIZE);
  if (how !== 'frames') return honest;
  const other = createWholeEngine(CONTEXT_SIZE, 2);
  return disguiseEngine(honest, { score: (request, options) => other.score(request, options) });
}

/** Lies that members of cohorts tell on their own wire. */
export function plantMemberLie(world: World, name: string, how: string): void {
  const { network } = world;
  if (how === 'silent-shard') network.hears.set(name, ({ method }) => !method.endsWith('/RunPass'));
  if (how !== 'garbles-roots') return;
  const draws = createDraws(world.seed ^ 0x726f6f74);
  network.answers.set(name, ({ method, bytes }) =>
    method.endsWith('ShardService/Close') ? flipBit(bytes, draws) : bytes,
  );
}
