import { type AttackDefinition, disguisePair, pairEngines } from '../attack.ts';

/** Cuts a prompt of 190 rows into 64, 64 and 62. */
const CHUNK = 64;

/**
 * Declares the class of tiled prompts, and runs prompts as the library likes: in pieces that end anywhere, beside the rows of other
 * replies. It fills its passes better than the rule allows, and repeats no rows. The weights are those that it sells.
 */
export const wrongCuts: AttackDefinition = {
  name: 'wrong-cuts',
  family: 'commitment',
  aim: 'cut prompts where it is fastest, in a class that says where they are cut',
  caughtBy: ['equality'],
  cheap: { engine: { kernels: 'plain', promptChunk: CHUNK } },
  create(context) {
    const pair = pairEngines(context, wrongCuts.name);
    return {
      name: wrongCuts.name,
      aim: wrongCuts.aim,
      engine: disguisePair(pair, { generate: (request, options) => pair.cheap.generate(request, options) }),
    };
  },
};
