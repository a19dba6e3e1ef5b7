import type { TextGenerationEvent, TextGenerationRequest } from '@ogong/engine/interface/text';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { type AttackDefinition, disguisePair, type EnginePair, pairEngines } from './attack.ts';
import { CHEAP_MODELS } from './cheap-models.ts';
import { listSizesOf, rowsOf, scoreOutput } from './held-reply.ts';

type Prefill = Pick<AttackDefinition, 'name' | 'aim' | 'cheap'> & Partial<Pick<AttackDefinition, 'soldAs'>>;

/**
 * Decodes with the cheap model, then runs the true one once over the finished text, which costs several times less than
 * decoding with it. It commits the values of that pass: log-probabilities and sketches equal the true model's to the last
 * bit, so a comparison of values accepts them. Only the tokens differ from those that the true model draws.
 */
function definePrefill(prefill: Prefill): AttackDefinition {
  const { name, aim } = prefill;
  return {
    ...prefill,
    family: 'sampling',
    caughtBy: ['draw-replay', 'own-choice'],
    uncaught:
      'a reply in which every draw happens to agree: it then is the reply that the true model gives, word for word',
    create(context) {
      const pair = pairEngines(context, name);
      return {
        name,
        aim,
        engine: disguisePair(pair, {
          generate: (request, options) => generateWithForgedValues(pair, request, options),
        }),
      };
    },
  };
}

export const prefill: AttackDefinition = definePrefill({
  name: 'prefill',
  aim: 'decode with a cheaper quantisation and commit the true values of a pre-fill pass',
  cheap: { weights: { quant: 'q4_0' } },
});

export const PREFILL_ATTACKS: readonly AttackDefinition[] = CHEAP_MODELS.map(({ name, what, recipe, soldAs }) =>
  definePrefill({
    name: `prefill-${name}`,
    aim: `decode with ${what} and commit the true values of a pre-fill pass`,
    cheap: { weights: recipe },
    ...(soldAs ? { soldAs } : {}),
  }),
);

async function* generateWithForgedValues(
  { engine, cheap }: EnginePair,
  request: TextGenerationRequest,
  options?: { signal?: AbortSignal },
): AsyncGenerator<TextGenerationEvent> {
  const cheapWindows: WindowBytes[] = [];
  let promptTokens = new Uint32Array(0);
  for await (const event of cheap.generate(request, options)) {
    if (event.kind === 'start') promptTokens = Uint32Array.from(event.promptTokens);
    if (event.kind === 'window') cheapWindows.push(event.window);
    else if (event.kind === 'end') {
      if (event.outputTokens.length > 0) {
        // As many candidates as an honest reply would list, so that list lengths give nothing away.
        const listSizes = listSizesOf(rowsOf(cheapWindows, engine.info().vocabularySize));
        const { outputTokens } = event;
        const windows = await scoreOutput(engine, request, { promptTokens, outputTokens, listSizes }, options);
        for (const window of windows) yield { kind: 'window', window };
      }
      yield event;
    } else yield event;
  }
}
