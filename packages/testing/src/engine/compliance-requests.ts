import { nativeHash } from '@ogong/engine/decode/native-hash';
import type {
  TextEngine,
  TextGenerationEvent,
  TextGenerationRequest,
  TextScoringRequest,
} from '@ogong/engine/interface/text';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { type DrawRow, decodeDraws, expandRuns } from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { listTailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';

export const SKETCH = { bankSeed: new Uint8Array(32).fill(7), directions: 16 };

/** A bias that keeps a reply from ending: 1 and 2 are the end tokens of every test vocabulary. */
export const NO_END = [1, 2].map((id) => ({ id, biasQ16: -100 * NAT }));

export const keyOf = (number: number): Uint8Array => nativeHash.sha256(Uint8Array.of(number >> 8, number));

export function createRequest(text: string, overrides: Partial<TextGenerationRequest> = {}): TextGenerationRequest {
  return {
    prompt: { kind: 'text', text },
    sampler: PLAIN_SAMPLER,
    bias: [],
    drawKey: keyOf(1),
    maxTokens: 40,
    stop: [],
    sketch: SKETCH,
    topLogprobs: 0,
    ...overrides,
  };
}

export interface ComplianceReply {
  readonly events: readonly TextGenerationEvent[];
  readonly promptTokens: Uint32Array;
  readonly outputTokens: Uint32Array;
  readonly text: string;
  readonly stopReason: string;
  readonly windows: readonly WindowBytes[];
  /** Requests whose answers name no tokens of the prompt, or none at all. */
  readonly counted?: { readonly promptTokens: number; readonly outputTokens: number } | undefined;
}

/** Tokens of the reply, named or not. */
export const countOutputs = ({ counted, outputTokens }: ComplianceReply): number =>
  counted?.outputTokens ?? outputTokens.length;

export async function collectReply(events: AsyncIterable<TextGenerationEvent>): Promise<ComplianceReply> {
  const all: TextGenerationEvent[] = [];
  for await (const event of events) all.push(event);
  const start = all[0];
  const end = all.at(-1);
  if (start?.kind !== 'start' || end?.kind !== 'end') throw new Error('a reply begins with start and ends with end');
  return {
    events: all,
    promptTokens: start.promptTokens,
    outputTokens: end.outputTokens,
    text: end.text,
    stopReason: end.stopReason,
    counted: end.counted,
    windows: all.flatMap((event) => (event.kind === 'window' ? [event.window] : [])),
  };
}

export function readRows(windows: readonly WindowBytes[], vocabularySize: number): DrawRow[] {
  return windows.flatMap(({ draws }) => decodeDraws(draws, { vocabularySize }).rows);
}

export function readShapeClasses(windows: readonly WindowBytes[], vocabularySize: number): Uint8Array {
  return Uint8Array.from(windows.flatMap(({ draws }) => expandRuns(decodeDraws(draws, { vocabularySize }).runs)));
}

export function createScoreRequest(
  engine: TextEngine,
  request: TextGenerationRequest,
  reply: ComplianceReply,
): TextScoringRequest {
  const { vocabularySize, numericClass } = engine.info();
  return {
    promptTokens: reply.promptTokens,
    outputTokens: reply.outputTokens,
    sampler: request.sampler,
    bias: request.bias,
    grammar: request.grammar,
    sketch: request.sketch,
    listSizes: Uint8Array.from(readRows(reply.windows, vocabularySize), ({ ids }) => ids.length),
    shapeClasses: readShapeClasses(reply.windows, vocabularySize),
    tailDraws: listTailDraws(createDrawSource(nativeHash, request.drawKey), readRows(reply.windows, vocabularySize)),
    numericClass,
  };
}

export const hexOf = (windows: readonly WindowBytes[]) =>
  windows.map(({ draws, sketch }) => `${Buffer.from(draws).toString('hex')}/${Buffer.from(sketch).toString('hex')}`);
