import { createHash } from 'node:crypto';
import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import type { LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import type { LlamaContext } from '@ogong/engine/llama-cpp/model';
import { decodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { measureBusy } from './busy-time.ts';

/** Tokens of the prompt and of the reply. */
export interface ReplyShape {
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** Tokens per second. */
export interface Speed {
  readonly prefill: number;
  readonly decode: number;
}

export interface MadeReply {
  readonly request: TextGenerationRequest;
  readonly output: Uint32Array;
  readonly listSizes: Uint8Array;
}

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();
export const { sampler: SAMPLER } = parseRequest(
  new TextEncoder().encode(JSON.stringify({ model: 'm', prompt: 'x', temperature: 0.8, top_p: 0.95 })),
  'completion',
);

/** An ordinary token: the lowest ids are control tokens and bytes. */
const toToken = (index: number, vocabularySize: number): number => 300 + ((index * 7919) % (vocabularySize - 300));

/** @param number decides prompt and draw key, and so the reply. */
export function createRequest(engine: TextEngine, shape: ReplyShape, number: number): TextGenerationRequest {
  const { vocabularySize } = engine.info();
  const tokens = Uint32Array.from({ length: shape.promptTokens }, (_, i) => toToken(i + number, vocabularySize));
  return {
    prompt: { kind: 'tokens', tokens },
    ...{ sampler: SAMPLER, bias: [], stop: [], topLogprobs: 0, maxTokens: shape.outputTokens },
    drawKey: sha256(`key ${number}`),
    sketch: { bankSeed: sha256('bank'), directions: 16 },
  };
}

export async function makeReply(engine: TextEngine, request: TextGenerationRequest): Promise<MadeReply> {
  const { vocabularySize } = engine.info();
  const sizes: number[] = [];
  for await (const event of engine.generate(request)) {
    if (event.kind === 'window') {
      sizes.push(...decodeDraws(event.window.draws, { vocabularySize }).rows.map(({ ids }) => ids.length));
    }
    if (event.kind === 'end') return { request, output: event.outputTokens, listSizes: Uint8Array.from(sizes) };
  }
  throw new Error('the engine ended without an end event');
}

/** Numbers whose replies reach their full length. */
export async function findFullReplies(
  engine: TextEngine,
  shape: ReplyShape,
  count: number,
): Promise<readonly number[]> {
  const found: number[] = [];
  for (let number = 0; found.length < count; number++) {
    if (number > 50 * count) throw new Error('the model ends its replies early');
    const { output } = await makeReply(engine, createRequest(engine, shape, number));
    if (output.length === shape.outputTokens) found.push(number);
  }
  return found;
}

/** Times the engine's child on one reply. The decoding speed leaves out prompt and first token. */
export async function timeEngine(engine: LlamaEngine, request: TextGenerationRequest): Promise<Speed> {
  const { tokens } = request.prompt as { tokens: Uint32Array };
  const first = await measureBusy(engine.pid(), () => makeReply(engine, { ...request, maxTokens: 1 }));
  const full = await measureBusy(engine.pid(), () => makeReply(engine, request));
  return toSpeed(tokens.length, full.result.output.length, first.ms, full.ms);
}

/** Times the library alone, as llama-bench does: one call per token, and no result is read. */
export async function timeBare(
  context: LlamaContext,
  vocabularySize: number,
  { promptTokens, outputTokens }: ReplyShape,
  { referencePrefill = false } = {},
): Promise<Speed> {
  const run = (count: number): void => {
    context.clear();
    for (let i = 0; i < promptTokens - 1; i++) context.add(toToken(i, vocabularySize), i, 0);
    if (referencePrefill) context.useReference(true);
    context.decode(false);
    if (referencePrefill) context.useReference(false);
    for (let i = 0; i < count; i++) {
      context.add(toToken(7 * i, vocabularySize), promptTokens - 1 + i, 0);
      context.decode(true);
    }
  };
  const first = await measureBusy(undefined, () => run(1));
  const full = await measureBusy(undefined, () => run(outputTokens));
  return toSpeed(promptTokens, outputTokens, first.ms, full.ms);
}

/** Runs a prompt and its output in two passes of the library alone, with logits for every output token. */
export function runForced(context: LlamaContext, prompt: Uint32Array, output: Uint32Array): void {
  context.clear();
  const last = prompt.length - 1;
  for (let i = 0; i < last; i++) context.add(prompt[i] as number, i, 0);
  context.decode(false);
  for (let i = 0; i < output.length; i++) context.add((i === 0 ? prompt[last] : output[i - 1]) as number, last + i, 0);
  context.decode(true);
}

function toSpeed(promptTokens: number, outputTokens: number, firstMs: number, fullMs: number): Speed {
  return { prefill: (promptTokens / firstMs) * 1000, decode: ((outputTokens - 1) / (fullMs - firstMs)) * 1000 };
}

/** One teacher-forced pass over prompt and reply. @throws if the result is not bit-exact. */
export async function scoreReply(engine: TextEngine, { request, output, listSizes }: MadeReply): Promise<void> {
  const { exact } = await engine.score({
    promptTokens: (request.prompt as { tokens: Uint32Array }).tokens,
    outputTokens: output,
    listSizes,
    ...{ sampler: SAMPLER, bias: [], sketch: request.sketch },
    numericClass: engine.info().numericClass,
  });
  if (!exact) throw new Error('the score is not exact in its own class');
}
