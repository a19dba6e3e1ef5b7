import { type CreateAttack, closeBoth, disguiseEngine, requireCheapEngine } from './attack.ts';

/**
 * Serves the cheap model under the true one's name and commits honestly what the cheap one computed: every draw replays,
 * since token and values come from one distribution. It is the wrong distribution, which only the model can tell.
 */
export const createSubstituteAttack: CreateAttack = (context) => {
  const { engine } = context;
  const cheap = requireCheapEngine(context, 'substitute');
  return {
    mode: 'substitute',
    aim: 'serve a cheaper quantisation as if it were the model that is sold',
    engine: disguiseEngine(engine, {
      generate: (request, options) => cheap.generate(request, options),
      close: () => closeBoth(engine, cheap),
    }),
  };
};
