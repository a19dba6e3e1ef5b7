import type { SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import { type AttackDefinition, disguiseEngine } from '../attack.ts';

/** Draws with other sampler settings than the requested ones, and commits the requested ones. */
function defineSampler(
  name: string,
  aim: string,
  change: (asked: SamplerSettings) => SamplerSettings,
): AttackDefinition {
  return {
    name,
    family: 'sampling',
    aim,
    // The tail is computed after temperature, so it shows another temperature before any draw does.
    caughtBy: ['draw-replay', 'listing', 'equality', 'own-choice'],
    uncaught: 'a reply in which both samplers draw the same tokens: a short one, or one of few choices',
    create: ({ engine }) => ({
      name,
      aim,
      engine: disguiseEngine(engine, {
        generate: (request, options) => engine.generate({ ...request, sampler: change(request.sampler) }, options),
      }),
    }),
  };
}

/** A top-p that keeps every token. */
const NO_CUT = 2 ** 24;
const scaled = (value: number, by: number): number => Math.max(1, Math.floor(value * by));

export const SAMPLER_ATTACKS: readonly AttackDefinition[] = [
  defineSampler(
    'sampler-cooler',
    'shorter and safer answers than the temperature that was asked for gives',
    (asked) => ({
      ...asked,
      temperatureQ16: scaled(asked.temperatureQ16, 0.7),
    }),
  ),
  defineSampler('sampler-narrower', 'cut more of the tail off than was asked for', (asked) => ({
    ...asked,
    topPQ24: scaled(asked.topPQ24, 0.7),
    filterOrder: [...new Set([...asked.filterOrder, 'top-p' as const])],
  })),
  defineSampler('sampler-hotter', 'drown what a cheaper model draws otherwise in chance', (asked) => ({
    ...asked,
    temperatureQ16: Math.ceil(asked.temperatureQ16 * 1.3),
  })),
  defineSampler('sampler-near', 'a temperature so near that few draws fall otherwise', (asked) => ({
    ...asked,
    temperatureQ16: scaled(asked.temperatureQ16, 0.95),
  })),
  defineSampler('sampler-wider', 'leave the cut of the tail out, and the work of it', (asked) => ({
    ...asked,
    ...{ topK: 0, topPQ24: NO_CUT, minPQ24: 0 },
  })),
  defineSampler('sampler-few', 'draw among the few likeliest tokens alone', (asked) => ({
    ...asked,
    topK: 3,
    filterOrder: [...new Set([...asked.filterOrder, 'top-k' as const])],
  })),
  defineSampler('sampler-floor', 'cut off what is unlikely beside the likeliest token', (asked) => ({
    ...asked,
    minPQ24: 2 ** 22,
    filterOrder: [...new Set([...asked.filterOrder, 'min-p' as const])],
  })),
  defineSampler('greedy-as-sampled', 'always say the likeliest token: drafts then fit, and a cache does', (asked) => ({
    ...asked,
    temperatureQ16: 0,
  })),
];
