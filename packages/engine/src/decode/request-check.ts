import { MAX_EDGES } from '@ogong/protocol/commitment/edge-values';
import { MAX_DIRECTIONS, type SketchParameters } from '@ogong/protocol/commitment/sketch';
import { MAX_GRAMMAR_BYTES } from '@ogong/protocol/modality/text/grammar/gbnf';
import { formatOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import {
  MAX_BIAS_Q16,
  MAX_BIASES,
  MAX_LISTED,
  MAX_PENALTY_Q16,
  MAX_REPETITION_Q16,
  MAX_REPETITION_WINDOW,
  MAX_TEMPERATURE_Q16,
  MIN_REPETITION_Q16,
  type SamplerSettings,
  type TokenBias,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { EngineError } from '../interface/engine-error.ts';
import type {
  Prompt,
  TextEngineInfo,
  TextGenerationRequest,
  TextScoringRequest,
  TextTracingRequest,
} from '../interface/text.ts';

const MAX_STOPS = 16;
const MAX_STOP_LENGTH = 1024;
const MAX_ALTERNATIVES = 20;
const MAX_SCOPE_LENGTH = 512;
const FILTERS: readonly string[] = ['top-k', 'top-p', 'min-p'];

interface Limits extends Pick<TextEngineInfo, 'layers'> {
  readonly vocabularySize: number;
  readonly contextSize: number;
}

function assertThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new EngineError('invalid-request', what);
}

const isWithin = (value: number, low: number, high: number): boolean =>
  Number.isInteger(value) && value >= low && value <= high;

function assertSampling(
  sampler: SamplerSettings,
  bias: readonly TokenBias[],
  sketch: SketchParameters,
  { vocabularySize }: Limits,
): void {
  assertThat(
    isWithin(sampler.temperatureQ16, 0, MAX_TEMPERATURE_Q16),
    `temperature ${sampler.temperatureQ16} / 2^16 is out of range`,
  );
  assertThat(isWithin(sampler.topK, 0, 2 ** 24), `top-k ${sampler.topK} is out of range`);
  assertThat(isWithin(sampler.topPQ24, 1, WEIGHT_ONE), `top-p ${sampler.topPQ24} / 2^24 is out of range`);
  assertThat(isWithin(sampler.minPQ24, 0, WEIGHT_ONE), `min-p ${sampler.minPQ24} / 2^24 is out of range`);
  for (const penalty of [sampler.presencePenaltyQ16, sampler.frequencyPenaltyQ16]) {
    assertThat(isWithin(penalty, -MAX_PENALTY_Q16, MAX_PENALTY_Q16), `penalty ${penalty} / 2^16 is out of range`);
  }
  const { repetitionPenaltyQ16: repetition, repetitionWindow } = sampler;
  assertThat(
    isWithin(repetition, MIN_REPETITION_Q16, MAX_REPETITION_Q16),
    `repetition penalty ${repetition} / 2^16 is out of range`,
  );
  assertThat(
    isWithin(repetitionWindow, 0, MAX_REPETITION_WINDOW),
    `repetition window ${repetitionWindow} is out of range`,
  );
  const filters = sampler.filterOrder;
  assertThat(
    filters.length <= FILTERS.length &&
      new Set(filters).size === filters.length &&
      filters.every((f) => FILTERS.includes(f)),
    'the filter order names unknown or repeated filters',
  );
  assertThat(
    bias.length <= MAX_BIASES && new Set(bias.map(({ id }) => id)).size === bias.length,
    `at most ${MAX_BIASES} distinct tokens can be biased`,
  );
  for (const { id, biasQ16 } of bias) {
    assertThat(
      isWithin(id, 0, vocabularySize - 1),
      `biased token ${id} is outside the vocabulary of ${vocabularySize}`,
    );
    assertThat(isWithin(biasQ16, -MAX_BIAS_Q16, MAX_BIAS_Q16), `bias ${biasQ16} / 2^16 is out of range`);
  }
  assertThat(sketch.bankSeed.length === 32, 'the sketch bank seed must have 32 bytes');
  assertThat(
    isWithin(sketch.directions, 8, MAX_DIRECTIONS) && sketch.directions % 8 === 0,
    `${sketch.directions} sketch directions: must be a multiple of 8 up to ${MAX_DIRECTIONS}`,
  );
}

function assertTokens(tokens: Uint32Array, { vocabularySize }: Limits, what: string): void {
  assertThat(tokens.length > 0, `${what} is empty`);
  for (const token of tokens)
    assertThat(token < vocabularySize, `${what} holds token ${token}, outside the vocabulary of ${vocabularySize}`);
}

/** @throws EngineError('invalid-request' | 'prompt-too-long'). */
export function assertPromptTokens(tokens: Uint32Array, limits: Limits): void {
  assertTokens(tokens, limits, 'the prompt');
  if (tokens.length >= limits.contextSize) {
    const overflow = { promptTokens: tokens.length, contextSize: limits.contextSize };
    throw new EngineError('prompt-too-long', formatOverflow(overflow));
  }
}

/** @throws EngineError('invalid-request') if the model reads no pictures, or the messages show another number of them. */
export function assertPictures(prompt: Prompt, { pictureToken }: Pick<TextEngineInfo, 'pictureToken'>): void {
  const { pictures = [] } = prompt;
  assertThat(pictures.length === 0 || pictureToken !== undefined, 'this model reads no pictures');
  if (!('messages' in prompt)) return;
  const shown = prompt.messages.flatMap(({ parts = [] }) => parts.filter((part) => 'picture' in part)).length;
  assertThat(shown === pictures.length, `the messages show ${shown} pictures, the prompt has ${pictures.length}`);
}

/** Its text is read when the reply begins. */
function assertGrammar(grammar: string | undefined): void {
  assertThat((grammar?.length ?? 0) <= MAX_GRAMMAR_BYTES, `a grammar has at most ${MAX_GRAMMAR_BYTES} bytes`);
}

/** @throws EngineError('invalid-request'). */
export function assertGenerateRequest(request: TextGenerationRequest, limits: Limits): void {
  assertSampling(request.sampler, request.bias, request.sketch, limits);
  assertThat(request.drawKey.length === 32, 'the draw key must have 32 bytes');
  assertThat(isWithin(request.firstDraw ?? 0, 0, 2 ** 24), `first draw ${request.firstDraw} is out of range`);
  assertThat(isWithin(request.maxTokens, 1, 2 ** 24), `max tokens ${request.maxTokens} is out of range`);
  assertThat(request.stop.length <= MAX_STOPS, `at most ${MAX_STOPS} stop strings are allowed`);
  for (const stop of request.stop)
    assertThat(stop.length > 0 && stop.length <= MAX_STOP_LENGTH, `a stop string has 1..${MAX_STOP_LENGTH} characters`);
  assertGrammar(request.grammar);
  const { cacheScope = '' } = request;
  assertThat(cacheScope.length <= MAX_SCOPE_LENGTH, `a cache scope has at most ${MAX_SCOPE_LENGTH} characters`);
  assertThat(
    isWithin(request.topLogprobs, 0, MAX_ALTERNATIVES),
    `at most ${MAX_ALTERNATIVES} alternatives can be named`,
  );
}

/** @throws EngineError('invalid-request' | 'prompt-too-long' | 'unsupported-model'). */
export function assertScoreRequest(request: TextScoringRequest, limits: Limits): void {
  assertSampling(request.sampler, request.bias, request.sketch, limits);
  assertPromptTokens(request.promptTokens, limits);
  assertTokens(request.outputTokens, limits, 'the reply');
  assertThat(
    request.promptTokens.length + request.outputTokens.length <= limits.contextSize,
    `prompt and reply exceed the context of ${limits.contextSize}`,
  );
  assertThat(request.listSizes.length === request.outputTokens.length, 'there must be one list size per reply token');
  assertGrammar(request.grammar);
  const { shapeClasses } = request;
  assertThat(
    shapeClasses === undefined || shapeClasses.length === request.outputTokens.length,
    'there must be one shape class per reply token',
  );
  for (const [position, u] of request.tailDraws ?? []) {
    assertThat(
      isWithin(position, 0, request.outputTokens.length - 1) && isWithin(u, 0, WEIGHT_ONE - 1),
      `a tail draw of ${u} at position ${position} of ${request.outputTokens.length}`,
    );
  }
  for (const size of request.listSizes)
    assertThat(size >= 1 && size <= MAX_LISTED, `list size ${size} is not in 1..${MAX_LISTED}`);
  assertEdges(request, limits);
}

/** @throws EngineError('unsupported-model') if the rows between layers cannot be seen, 'invalid-request' if there is no such edge. */
function assertEdges({ edges }: TextScoringRequest, { layers }: Limits): void {
  if (edges === undefined) return;
  if (layers === undefined)
    throw new EngineError('unsupported-model', 'this engine does not see the rows between layers of its model');
  assertThat(edges.blind.length === 32, 'the blind of edges must have 32 bytes');
  assertThat(edges.layers.length <= MAX_EDGES, `a score has ${MAX_EDGES} edges at most`);
  edges.layers.forEach((edge, i) => {
    const isWithinModel = isWithin(edge, (edges.layers[i - 1] ?? 0) + 1, layers - 1);
    assertThat(isWithinModel, `there is no edge behind ${edge} of ${layers} layers, or edges do not ascend`);
  });
}

/** @throws EngineError('invalid-request' | 'prompt-too-long' | 'unsupported-model'). */
export function assertTraceRequest(request: TextTracingRequest, limits: Limits): void {
  assertScoreRequest(request, limits);
  assertThat(
    isWithin(request.position, 0, request.outputTokens.length - 1),
    `position ${request.position} of a reply of ${request.outputTokens.length} tokens`,
  );
}
