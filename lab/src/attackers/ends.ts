import type { TextEngine, TextGenerationEvent, TextGenerationRequest } from '@ogong/engine/interface/text';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import { renderReply } from '@ogong/protocol/modality/text/stage1/reply-text';
import { type AttackDefinition, disguiseEngine } from './attack.ts';
import { cutWindows, joinWindows } from './draws/windows.ts';
import { type HeldReply, holdReply, rowsOf, spell, tellReply } from './held-reply.ts';

/** Ends a reply halfway and states a false stop reason. */
function defineEarlyEnd(stopReason: StopReason, caughtBy: readonly string[], uncaught?: string): AttackDefinition {
  const name = `early-${stopReason}`;
  const aim = `leave the second half away and say that it ended: ${stopReason}`;
  return {
    name,
    family: 'sampling',
    aim,
    caughtBy,
    ...(uncaught === undefined ? {} : { uncaught }),
    create: ({ engine }) => ({
      name,
      aim,
      engine: disguiseEngine(engine, {
        async *generate(request, options) {
          const held = await holdReply(engine.generate(request, options));
          yield* tellReply(engine, request, await halve(engine, request, { held, stopReason }));
        },
      }),
    }),
  };
}

async function halve(
  engine: TextEngine,
  request: TextGenerationRequest,
  { held, stopReason }: { readonly held: HeldReply; readonly stopReason: StopReason },
): Promise<HeldReply> {
  const length = held.outputTokens.length >> 1;
  if (length === 0) return held;
  const outputTokens = held.outputTokens.subarray(0, length);
  // The stop string never occurred, so nothing is cut off: the text is everything that the tokens spell.
  const text = renderReply(await engine.detokenize(outputTokens), request.stop, 'length');
  const windows = cutWindows(held.windows, length, engine.info());
  return { ...held, outputTokens, windows, text, stopReason };
}

/** Generates past the end of the answer: nobody reads these tokens, and each one is billed. */
const padding: AttackDefinition = {
  name: 'padding',
  family: 'sampling',
  aim: 'bill tokens after the end of the answer',
  caughtBy: ['stop-reason', 'token-count'],
  create: ({ engine }) => ({
    name: 'padding',
    aim: padding.aim,
    engine: disguiseEngine(engine, { generate: (request, options) => pad(engine, request, options) }),
  }),
};

async function* pad(
  engine: TextEngine,
  request: TextGenerationRequest,
  options?: { signal?: AbortSignal },
): AsyncGenerator<TextGenerationEvent> {
  let held = await holdReply(engine.generate(request, options));
  const { promptTokens } = held;
  while (held.stopReason === 'stop-token' && held.outputTokens.length < request.maxTokens) {
    const from = held.outputTokens.length;
    const tokens = Uint32Array.from([...promptTokens, ...held.outputTokens]);
    const more = await holdReply(
      engine.generate(
        { ...request, prompt: { kind: 'tokens', tokens }, firstDraw: from, maxTokens: request.maxTokens - from },
        options,
      ),
    );
    held = {
      ...more,
      promptTokens,
      outputTokens: Uint32Array.from([...held.outputTokens, ...more.outputTokens]),
      windows: joinWindows([held.windows, more.windows], engine.info()),
      text: held.text + more.text,
    };
  }
  yield* tellReply(engine, request, held);
}

/**
 * Spells the first words in single bytes (tokens 3 to 258 of every vocabulary of this kind) and pre-fills the true
 * values. The text takes several times as many tokens.
 */
const byteTokens: AttackDefinition = {
  name: 'byte-tokens',
  family: 'sampling',
  aim: 'bill the same text as several times the tokens',
  caughtBy: ['draw-replay', 'own-choice'],
  create: ({ engine }) => ({
    name: 'byte-tokens',
    aim: byteTokens.aim,
    engine: disguiseEngine(engine, { generate: (request, options) => spellOut(engine, request, options) }),
  }),
};

const FIRST_BYTE_TOKEN = 3;

/** Commits and bills the whole reply, and shows only its second half. */
const hiddenReasoning: AttackDefinition = {
  name: 'hidden-reasoning',
  family: 'sampling',
  aim: 'bill tokens that nobody is shown, as what the model thought before it answered',
  caughtBy: ['response-text'],
  create: ({ engine }) => ({
    name: 'hidden-reasoning',
    aim: hiddenReasoning.aim,
    engine: disguiseEngine(engine, {
      async *generate(request, options) {
        const held = await holdReply(engine.generate(request, options));
        const shown = held.outputTokens.subarray(held.outputTokens.length >> 1);
        const text = await spell(engine, { outputTokens: shown, stopReason: held.stopReason }, request.stop);
        yield* tellReply(engine, request, { ...held, text });
      },
    }),
  }),
};

async function* spellOut(
  engine: TextEngine,
  request: TextGenerationRequest,
  options?: { signal?: AbortSignal },
): AsyncGenerator<TextGenerationEvent> {
  const held = await holdReply(engine.generate(request, options));
  const { promptTokens } = held;
  const { vocabularySize, stopTokens, numericClass } = engine.info();
  const output: number[] = [];
  let ended = false;
  for (const token of held.outputTokens) {
    if (stopTokens.includes(token)) {
      output.push(token);
      ended = true;
      break;
    }
    for (const byte of await engine.detokenize(Uint32Array.of(token))) output.push(byte + FIRST_BYTE_TOKEN);
  }
  const outputTokens = Uint32Array.from(output).subarray(0, request.maxTokens);
  if (outputTokens.length === 0) return yield* tellReply(engine, request, held);
  const isWhole = ended && outputTokens.length === output.length;
  const stopReason = isWhole ? 'stop-token' : 'length';
  const listed = rowsOf(held.windows, vocabularySize)[0]?.ids.length ?? 20;
  const { windows } = await engine.score(
    {
      ...request,
      promptTokens,
      outputTokens,
      listSizes: new Uint8Array(outputTokens.length).fill(listed),
      numericClass,
    },
    options,
  );
  const spoken = isWhole ? outputTokens.subarray(0, -1) : outputTokens;
  const text = renderReply(await engine.detokenize(spoken), request.stop, stopReason);
  yield* tellReply(engine, request, { promptTokens, outputTokens, windows, text, stopReason });
}

export const END_ATTACKS: readonly AttackDefinition[] = [
  defineEarlyEnd('stop-token', ['stop-reason', 'response-text']),
  defineEarlyEnd('stop-string', ['stop-strings', 'response-text', 'stop-reason']),
  defineEarlyEnd('length', ['token-count', 'stop-reason']),
  defineEarlyEnd('context', ['context']),
  defineEarlyEnd(
    'cancelled',
    ['stop-strings'],
    'the validator, which pays for it: that the consumer left is a word against a word. The gateway refuses the receipt',
  ),
  padding,
  byteTokens,
  hiddenReasoning,
];
