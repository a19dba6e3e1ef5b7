import { type AttackDefinition, disguiseEngine, disguisePair, pairEngines } from './attack.ts';
import { findCheapModel } from './cheap-models.ts';

/**
 * Serves a cheap model and declares a class that no verifier can reproduce. Scores then decide instead of equality, and a
 * small difference may pass for drift. Honest `fast` providers declare the same class, so nobody can refuse it.
 */
export const looserClass: AttackDefinition = {
  name: 'looser-class',
  family: 'commitment',
  aim: 'widen the tolerance by declaring a numeric class without equality',
  caughtBy: ['sketch-distance', 'kolmogorov', 'omission', 'tail', 'draw-gap', 'tail-place'],
  uncaught:
    'a model so near that it passes for drift between classes: the resolution of the scores is measured, not given',
  cheap: { weights: findCheapModel('q8-0').recipe },
  soldAs: ['f16'],
  create(context) {
    const pair = pairEngines(context, looserClass.name);
    const info = () => {
      const own = pair.engine.info();
      return { ...own, exact: false, numericClass: own.numericClass.replace(/\/exact(-tiled)?(-2)?\//, '/fast/') };
    };
    return {
      name: looserClass.name,
      aim: looserClass.aim,
      engine: disguisePair(pair, { info, generate: (request, options) => pair.cheap.generate(request, options) }),
    };
  },
};

/** The fewest directions that the format allows. */
const FEWEST = 8;

/** An honest reply with a smaller sketch: a verifier of another class then has less to compare. */
export const fewerDirections: AttackDefinition = {
  name: 'fewer-directions',
  family: 'commitment',
  aim: 'sketch along as few directions as the format allows',
  caughtBy: ['sketch-bank'],
  create: ({ engine }) => ({
    name: fewerDirections.name,
    aim: fewerDirections.aim,
    engine: disguiseEngine(engine, {
      generate: (request, options) =>
        engine.generate({ ...request, sketch: { ...request.sketch, directions: FEWEST } }, options),
    }),
    bendReply: (draft) => ({ ...draft, header: { ...draft.header, sketchDirections: FEWEST } }),
  }),
};
