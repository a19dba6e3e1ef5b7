import { setImmediate as turn } from 'node:timers/promises';
import { scoreSegment } from '@ogong/engine/decode/score-segment';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { Refusal } from '@ogong/host/link/link-error';
import { monotonicClock } from '@ogong/host/time/clock';
import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { viewValues } from '@ogong/protocol/modality/shared/values';
import { createEdgeHasher, type EdgeHasher } from '@ogong/protocol/modality/text/boundary/edge-hasher';
import { createRowContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { encodeSegmentReport } from '@ogong/protocol/modality/text/stage2/segment-report';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import type { ScoreJob } from './score-text.ts';
import type { SegmentInput } from './segment-job.ts';

/** Values that are hashed in one turn of the event loop, in some 6 ms. */
const TURN_VALUES = 65_536;
/** A part of a reply has at least so many positions, since scoreSegment runs no shorter one. */
const LEAST_POSITIONS = 64;

/** Input of a segment. Its values are undefined if a row has values that no shard accepts. */
export interface ReadInput extends Pick<SegmentInput, 'positions' | 'promptTokens'> {
  readonly values: Uint32Array | Float32Array | undefined;
}

/**
 * Runs the input of a shard through its layers, and commits to the rows behind them. The rows are hashed while they come, and none is kept.
 * Where not all of them have room, these are the rows of the whole windows that do.
 * @returns the canonical report. Rows are zeros if these layers cannot have computed any: the header has another width, or input or
 * rows are out of range. If the verifier refused, the reply would be unaudited, and paid.
 * @throws EngineError; Refusal `unsupported` if no part of the input has room.
 */
export async function scoreRows(
  { jobId, blind, header, bankSeed }: Pick<ScoreJob, 'jobId' | 'blind' | 'header' | 'bankSeed'>,
  { positions, promptTokens, values }: ReadInput,
  {
    segment,
    modelRoot,
    crypto,
    signal,
  }: {
    readonly segment: SegmentEngine;
    readonly modelRoot: Uint8Array;
    readonly crypto: Crypto;
    readonly signal: AbortSignal;
  },
): Promise<Uint8Array> {
  const { embeddingSize, vocabularySize, contextSize, numericClass } = segment.info();
  const scored = positions > contextSize ? contextSize - (contextSize % WINDOW_TOKENS) : positions;
  if (scored < Math.min(positions, LEAST_POSITIONS))
    throw new Refusal('unsupported', `${positions} positions have no room in a context of ${contextSize} here`);
  const { embeddingSize: width, sketchDirections: directions } = header;
  const bank = createSketchBank(crypto, { bankSeed, directions, embeddingSize: width });
  const hash = (passes: Passes) => hashRows(createEdgeHasher(crypto, { blind, bank }), passes, { width, signal });
  const startMs = monotonicClock.nowMs();
  const isInput =
    values !== undefined &&
    width === embeddingSize &&
    (values instanceof Float32Array || values.every((token) => token < vocabularySize));
  const computed = isInput
    ? await hash(scoreSegment(segment, { promptTokens, input: values, limit: scored }))
    : undefined;
  return encodeSegmentReport({
    ...{ jobId, modelRoot, numericClass, contextSize },
    exact: isExactClass(numericClass),
    elapsedMs: Math.min(0xffffffff, Math.round(monotonicClock.nowMs() - startMs)),
    edge: computed ?? ((await hash(listZeros(scored, width))) as EdgeValues),
  });
}

type Passes = AsyncIterable<Float32Array> | Iterable<Float32Array>;

/**
 * Hashes rows in turns of the event loop.
 * @returns undefined if a value is out of range, which no shard sends. @throws EngineError `cancelled`
 */
async function hashRows(
  hasher: EdgeHasher,
  passes: Passes,
  { width, signal }: { readonly width: number; readonly signal: AbortSignal },
): Promise<EdgeValues | undefined> {
  const content = createRowContent(width);
  const step = Math.ceil(TURN_VALUES / width) * width;
  for await (const rows of passes) {
    if (content.decode(viewValues(rows)) === undefined) return undefined;
    for (let at = 0; at < rows.length; at += step) {
      if (signal.aborted) throw new EngineError('cancelled', 'the job was given up');
      hasher.push(rows.subarray(at, at + step));
      await turn();
    }
  }
  return hasher.finish().values;
}

/** Rows of zeros, pass by pass. */
function* listZeros(positions: number, width: number): Generator<Float32Array> {
  for (let i = 0; i < positions; i++) yield new Float32Array(width);
}
