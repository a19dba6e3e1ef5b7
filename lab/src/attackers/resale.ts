import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import { toHex } from '@ogong/protocol/base/bytes';
import { MIN_LISTED } from '@ogong/protocol/modality/text/sampling/sampler';
import { type AttackDefinition, disguiseEngine, disguisePair, type EnginePair, pairEngines } from './attack.ts';
import { type HeldReply, holdReply, scoreOutput, spell, tellReply } from './held-reply.ts';

/** The fewest candidates that an honest position lists. */
const listAtLeast = (count: number): Uint8Array => new Uint8Array(count).fill(MIN_LISTED);

/**
 * Buys the answer from another API, tokenises its text, and pre-fills the values. `cheapEngine` plays that API, which does not
 * know the draw key.
 */
export const resale: AttackDefinition = {
  name: 'resale',
  family: 'sampling',
  aim: "sell another service's answer as one's own work",
  caughtBy: ['draw-replay', 'own-choice'],
  cheap: { weights: { quant: 'q8_0' } },
  create(context) {
    const pair = pairEngines(context, 'resale');
    return {
      name: 'resale',
      aim: resale.aim,
      engine: disguisePair(pair, { generate: (request, options) => resell(pair, request, options) }),
    };
  },
};

async function* resell(
  { engine, cheap: api }: EnginePair,
  request: TextGenerationRequest,
  options?: { signal?: AbortSignal },
) {
  const bought = await holdReply(api.generate({ ...request, drawKey: request.drawKey.toReversed() }, options));
  // An API returns text. The tokenizer puts a token before every text, which is dropped here.
  const [, ...tokens] = await engine.tokenizePrompt({ kind: 'text', text: bought.text });
  // If the API returned fewer tokens than were asked for, the reply ends with a stop token.
  const end = engine.info().stopTokens.at(-1) as number;
  const outputTokens = Uint32Array.from([...tokens, end]).subarray(0, request.maxTokens);
  const { promptTokens } = bought;
  const listSizes = listAtLeast(outputTokens.length);
  const windows = await scoreOutput(engine, request, { promptTokens, outputTokens, listSizes }, options);
  const stopReason = outputTokens.at(-1) === end ? ('stop-token' as const) : ('length' as const);
  const resold = { promptTokens, outputTokens, windows, stopReason };
  yield* tellReply(engine, request, { ...resold, text: await spell(engine, resold, request.stop) });
}

/** Answers a repeated prompt with its earlier reply. */
export const staleReply: AttackDefinition = {
  name: 'stale-reply',
  family: 'sampling',
  aim: 'answer from a cache of earlier replies',
  caughtBy: ['draw-replay', 'sketch-bank', 'own-choice'],
  uncaught: 'a greedy reply, or one to a request with the same `seed` and bytes: it is what the model would say again',
  needs: 'repeats',
  create: ({ engine }) => createCache(engine, staleReply, (request) => keyOf(request, false)),
};

/** The same for a request with a seed, where only the reply id changed. */
export const seedReplay: AttackDefinition = {
  name: 'seed-replay',
  family: 'sampling',
  aim: 'answer a request with a `seed` from a cache',
  caughtBy: [],
  uncaught:
    'by design. The draw key of a request with a seed is a function of request, seed and model. The same request always has the same ' +
    'answer. A cached answer is the one that the consumer requested',
  needs: 'seed',
  create: ({ engine }) => createCache(engine, seedReplay, (request) => keyOf(request, true)),
};

function createCache(
  engine: TextEngine,
  { name, aim }: AttackDefinition,
  keyFor: (request: TextGenerationRequest) => string,
) {
  const cache = new Map<string, HeldReply>();
  return {
    name,
    aim,
    engine: disguiseEngine(engine, {
      async *generate(request, options) {
        const key = keyFor(request);
        const held = cache.get(key) ?? (await holdReply(engine.generate(request, options)));
        if (held.stopReason !== 'cancelled') cache.set(key, held);
        yield* tellReply(engine, request, held);
      },
    }),
  };
}

const keyOf = (
  { prompt, sampler, bias, maxTokens, drawKey, sketch }: TextGenerationRequest,
  isSeeded: boolean,
): string =>
  JSON.stringify([
    prompt.kind === 'tokens' ? [...prompt.tokens] : prompt,
    sampler,
    bias,
    maxTokens,
    isSeeded ? [toHex(drawKey), toHex(sketch.bankSeed)] : [],
  ]);
