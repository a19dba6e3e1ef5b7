import type { Prompt, TextEngine, TextGenerationEvent, TextGenerationRequest } from '@ogong/engine/interface/text';
import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeBankSeed, DEFAULT_DIRECTIONS, type SketchParameters } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeOrderDay, type NamedOrder } from '@ogong/protocol/exchange/order';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { computeDrawKey, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { chooseDrawKey } from '../draw-keys.ts';
import type { ServedReply } from './commit-reply.ts';
import { parseModelRequest } from './model-request.ts';
import { commitPictures, readPictures } from './read-pictures.ts';

/** Beacons of the order's epoch, 32 bytes each. */
export interface ReplyBeacon {
  readonly value: Uint8Array;
  readonly previous: Uint8Array;
}

export interface ReplyPlan {
  readonly drawKey: DrawKeyInputs;
  readonly sketch: SketchParameters;
  readonly request: TextGenerationRequest;
}

/**
 * Plans an engine's work for an order: order and beacon fix the draws and the sketch bank. A prompt shares the prefix cache
 * only with prompts of the same payer, the same cache scope and the same `prompt_cache_key`.
 */
export function planReply(
  crypto: Crypto,
  {
    order,
    asked,
    beacon,
    promptTokens,
    pictures = [],
    cacheScope,
    prompt = { kind: 'tokens', tokens: promptTokens, ...(pictures.length > 0 && { pictures }) },
  }: Pick<ServedReply, 'order' | 'asked' | 'promptTokens'> & {
    beacon: ReplyBeacon;
    cacheScope: Uint8Array;
    /** Pictures in the prompt. Default: none. */
    pictures?: readonly EncodedPicture[];
    /** Default: its tokens. */
    prompt?: Prompt | undefined;
  },
): ReplyPlan {
  const drawKey = chooseDrawKey(order, asked, beacon.value);
  const bankSeed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  const sketch = { bankSeed, directions: DEFAULT_DIRECTIONS };
  const request: TextGenerationRequest = {
    prompt,
    sampler: asked.sampler,
    bias: asked.bias,
    grammar: asked.grammar,
    drawKey: computeDrawKey(crypto, drawKey),
    maxTokens: asked.maxTokens,
    stop: asked.stop,
    sketch,
    topLogprobs: asked.topLogprobs,
    cacheScope: `${toHex(order.payer)}/${toHex(cacheScope)}/${asked.promptCacheKey ?? ''}`,
  };
  return { drawKey, sketch, request };
}

export interface GeneratedReply {
  /** All that is committed except the times, which come from the caller's clock. */
  readonly reply: Omit<ServedReply, 'startMs' | 'endMs'>;
  /** Text that had reached the consumer before the end. */
  readonly streamed: string;
  readonly durationMs: number;
  /** Prompt tokens that the engine still had of an earlier prompt. */
  readonly cachedTokens: number;
}

/**
 * Serves one order on an engine as the role does, without wire, clock and signature. Calibration and the lab use it.
 * @returns undefined if the engine ends without an answer.
 * @throws EngineError, RequestError
 */
export async function generateReply(
  given: {
    readonly order: NamedOrder;
    readonly endpoint: Endpoint;
    /** An OpenAI request. */
    readonly body: Uint8Array;
    readonly beacon: ReplyBeacon;
    /** Default: none. */
    readonly cacheScope?: Uint8Array;
    /** Default: none. */
    readonly media?: RequestMedia;
  },
  { engine, crypto }: { readonly engine: TextEngine; readonly crypto: Crypto },
): Promise<GeneratedReply | undefined> {
  const { order, endpoint, body, beacon, cacheScope = new Uint8Array(), media = NO_MEDIA } = given;
  const parsed = parseModelRequest(body, endpoint, computeOrderDay(order));
  const { asked, prompt, pictures } = await readPictures(engine, parsed, { media });
  const promptTokens = await engine.tokenizePrompt(prompt);
  const { drawKey, sketch, request } = planReply(crypto, { order, asked, beacon, promptTokens, pictures, cacheScope });
  const windows: WindowBytes[] = [];
  let streamed = '';
  let end: Extract<TextGenerationEvent, { kind: 'end' }> | undefined;
  for await (const event of engine.generate(request)) {
    if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'token') streamed += event.text;
    else if (event.kind === 'end') end = event;
  }
  if (end === undefined) return undefined;
  const { outputTokens, stopReason, text, timings, cachedTokens } = end;
  const info = engine.info();
  const blinds = computeBlinds(crypto, { body, replyId: order.replyId });
  const shown = commitPictures(crypto, blinds.answer, { pictures, rowSize: info.embeddingSize });
  const spoken = { promptTokens, outputTokens, windows, stopReason, text };
  return {
    reply: { order, endpoint, asked, blinds, info, sketch, drawKey, shown, ...spoken },
    streamed,
    durationMs: timings.promptMs + timings.decodeMs,
    cachedTokens,
  };
}
