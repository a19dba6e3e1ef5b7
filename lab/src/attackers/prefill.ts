import type { Engine, GenerateEvent, GenerateRequest } from '@ogong/engine/engine';
import { decodeDraws, type WindowBytes } from '@ogong/protocol/window';
import { type CreateAttack, closeBoth, disguiseEngine, requireCheapEngine } from './attack.ts';

/**
 * Decodes with the cheap model, then runs the true one once over the finished text (several times cheaper than decoding
 * with it) and commits what that pass says: log-probabilities and sketches are the true model's to the last bit, so
 * whoever compares values accepts them. Only the tokens are not the ones that the true model draws.
 */
export const createPrefillAttack: CreateAttack = (context) => {
  const { engine } = context;
  const cheap = requireCheapEngine(context, 'prefill');
  return {
    mode: 'prefill',
    aim: 'decode with a cheaper quantisation and commit the true values of a pre-fill pass',
    engine: disguiseEngine(engine, {
      generate: (request, options) => generateWithForgedValues({ engine, cheap }, request, options),
      close: () => closeBoth(engine, cheap),
    }),
  };
};

async function* generateWithForgedValues(
  { engine, cheap }: { readonly engine: Engine; readonly cheap: Engine },
  request: GenerateRequest,
  options?: { signal?: AbortSignal },
): AsyncGenerator<GenerateEvent> {
  const cheapWindows: WindowBytes[] = [];
  let promptTokens = new Uint32Array(0);
  for await (const event of cheap.generate(request, options)) {
    if (event.kind === 'start') promptTokens = Uint32Array.from(event.promptTokens);
    if (event.kind === 'window') cheapWindows.push(event.window);
    else if (event.kind === 'end') {
      if (event.outputTokens.length > 0) {
        const { vocabularySize, numericClass } = engine.info();
        // As many candidates as an honest reply of this kind lists, so that the form gives nothing away.
        const listSizes = Uint8Array.from(
          cheapWindows.flatMap(({ draws }) => decodeDraws(draws, { vocabularySize }).rows.map(({ ids }) => ids.length)),
        );
        const { sampler, bias, sketch } = request;
        const { outputTokens } = event;
        const scored = await engine.score(
          { promptTokens, outputTokens, sampler, bias, sketch, listSizes, numericClass },
          options,
        );
        for (const window of scored.windows) yield { kind: 'window', window };
      }
      yield event;
    } else yield event;
  }
}
