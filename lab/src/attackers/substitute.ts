import { type AttackDefinition, disguisePair, pairEngines } from './attack.ts';

type Substitution = Pick<AttackDefinition, 'name' | 'aim' | 'cheap'> &
  Partial<Pick<AttackDefinition, 'sold' | 'soldAs'>>;

/**
 * Serves another model under the true one's name and commits honestly what it computed. Every draw replays, because tokens
 * and values come from one distribution. Only somebody with the model can tell that it is the wrong distribution.
 */
export function defineSubstitution(substitution: Substitution): AttackDefinition {
  const { name, aim } = substitution;
  return {
    ...substitution,
    family: 'weights',
    caughtBy: ['equality'],
    create(context) {
      const pair = pairEngines(context, name);
      return {
        name,
        aim,
        engine: disguisePair(pair, { generate: (request, options) => pair.cheap.generate(request, options) }),
      };
    },
  };
}

export const substitute: AttackDefinition = defineSubstitution({
  name: 'substitute',
  aim: 'serve a cheaper quantisation as if it were the model that is sold',
  cheap: { weights: { quant: 'q4_0' } },
});
