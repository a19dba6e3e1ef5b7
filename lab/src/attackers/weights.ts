import type { AttackDefinition } from './attack.ts';
import { CHEAP_MODELS } from './cheap-models.ts';
import { defineSubstitution } from './substitute.ts';

export const WEIGHT_ATTACKS: readonly AttackDefinition[] = CHEAP_MODELS.map(({ name, what, recipe, soldAs }) =>
  defineSubstitution({
    name: `weights-${name}`,
    aim: `serve ${what} as if they were the model that is sold`,
    cheap: { weights: recipe },
    ...(soldAs ? { soldAs } : {}),
  }),
);
