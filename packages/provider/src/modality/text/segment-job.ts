import type { GivenRows } from '@ogong/engine/decode/given-rows';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import { MAX_EDGE_POSITIONS } from '@ogong/protocol/commitment/edge-values';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { describeLayers } from '@ogong/protocol/exchange/cohort/segment';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { VALUE_BYTES } from '@ogong/protocol/modality/shared/values';
import { createRowContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import type { JobSegment, SegmentJob } from '@ogong/protocol/modality/text/stage2/text-claim';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { hashBlobInTurns } from '../hash-blob.ts';
import type { ScorableJob } from '../modality.ts';
import { scoreRows } from './score-rows.ts';
import { parseScoreJob, readClaim, readTokens, type ScoreJob, scoreJob } from './score-text.ts';

/** Runs the layers of one shard again. */
export type SegmentScorer =
  /** Layers before the last ones: a report shows the rows behind them. */
  | { readonly kind: 'rows'; readonly segment: SegmentEngine }
  /** The last layers: a report shows windows. The engine gets the rows before its layers from `given`. */
  | { readonly kind: 'windows'; readonly engine: TextEngine; readonly given: GivenRows };

/** Layers of a model that a verifier holds. It scores one job about them at a time. */
export interface HeldSegment extends JobSegment {
  readonly modelRoot: Uint8Array;
  /** Layers of the whole model. */
  readonly totalLayers: number;
  readonly scorer: SegmentScorer;
}

/** The input of the layers, as a job shows it: tokens for the first layers, f32[positions, embeddingSize] for others. */
export interface SegmentInput {
  readonly positions: number;
  readonly promptTokens: number;
  /** Values of a position. */
  readonly width: number;
  readonly blob: Uint8Array;
  /** The blob that the claim names. */
  readonly ref: BlobRef;
}

/** The facts that a verifier endorses. */
export function describeHeld({ modelRoot, scorer }: HeldSegment) {
  if (scorer.kind === 'windows') return scorer.engine.info();
  const { numericClass } = scorer.segment.info();
  return { modelRoot, numericClass, exact: isExactClass(numericClass) };
}

/** Returns whether a job is about the layers of one shard, and not about the whole model. */
export function isSegmentJob(message: ScoreJobMessage): boolean {
  try {
    return readTextClaim(message).segment !== undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/**
 * Opens a job about the layers of one shard.
 * @param held all segments of the job's model.
 * @throws Refusal naming the field that is out of range, or the layers that are not held.
 */
export function openSegmentJob(
  message: ScoreJobMessage,
  { held, crypto }: { readonly held: readonly HeldSegment[]; readonly crypto: Crypto },
): ScorableJob {
  const { segment } = readClaim(message);
  const own = segment && findHeld(held, segment);
  if (segment === undefined || own === undefined) {
    const wanted = segment === undefined ? 'all of them' : describeLayers(segment);
    const here = held.map((one) => `${describeLayers(one)} of ${one.totalLayers}`).join(' and ');
    throw new Refusal('unsupported', `this verifier holds ${here}, and the job is about ${wanted}`);
  }
  const job = parseScoreJob(message, crypto);
  if (job.edges !== undefined) throw new Refusal('invalid', 'a job about some layers names no edges');
  const input = readInput(job, segment, message.blobs ?? []);
  const score = (signal: AbortSignal) =>
    enterTurn(own.scorer, signal, () => scoreInput(job, input, { own, crypto, signal }));
  return { jobId: job.jobId, outputs: job.outputTokens.length, score };
}

const findHeld = (held: readonly HeldSegment[], asked: JobSegment): HeldSegment | undefined =>
  held.find(({ firstLayer, layers }) => firstLayer === asked.firstLayer && layers === asked.layers);

/** Reads the input: its size first. Its root is checked when its turn comes, since hashing costs time. @throws Refusal */
function readInput(
  { header, outputTokens }: Pick<ScoreJob, 'header' | 'outputTokens'>,
  { firstLayer, input: ref }: SegmentJob,
  blobs: readonly Uint8Array[],
): SegmentInput {
  const [blob, ...others] = blobs;
  if (blob === undefined || others.length > 0)
    throw new Refusal('invalid', `a job about some layers has one blob, their input; ${blobs.length} came`);
  const width = firstLayer === 0 ? 1 : header.embeddingSize;
  const positions = blob.length / (width * VALUE_BYTES);
  const promptTokens = positions - outputTokens.length + 1;
  if (blob.length !== ref.bytes)
    throw new Refusal('invalid', `an input of ${blob.length} bytes came, and the claim names ${ref.bytes}`);
  if (!Number.isInteger(positions) || promptTokens < 1 || positions > MAX_EDGE_POSITIONS)
    throw new Refusal('invalid', `${blob.length} bytes are no input for ${outputTokens.length} output tokens`);
  const given = firstLayer === 0 ? readTokens(blob).subarray(promptTokens) : outputTokens;
  if (given.some((token, i) => token !== outputTokens[i]))
    throw new Refusal('invalid', 'the input ends with other tokens than the output');
  return { positions, promptTokens, width, blob, ref };
}

/** Reads the values of an input whose size was checked. @returns undefined if a row has values that a shard refuses. */
const readInputValues = ({ firstLayer }: JobSegment, { width, blob }: SegmentInput) =>
  firstLayer === 0 ? readTokens(blob) : createRowContent(width).decode(blob);

/** The last job of each scorer. */
const tails = new WeakMap<SegmentScorer, Promise<unknown>>();

/** Runs a job behind those that its segment has. @throws EngineError `cancelled` if the signal aborts before. */
function enterTurn<T>(scorer: SegmentScorer, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const done = (tails.get(scorer) ?? Promise.resolve()).then(() => {
    if (signal.aborted) throw new EngineError('cancelled', 'the job was given up before its turn');
    return work();
  });
  tails.set(
    scorer,
    done.catch(() => undefined),
  );
  return done;
}

/** @returns the canonical report. @throws EngineError, Refusal */
async function scoreInput(
  job: ScoreJob,
  input: SegmentInput,
  { own, crypto, signal }: { readonly own: HeldSegment; readonly crypto: Crypto; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { scorer, modelRoot } = own;
  const { ref } = await hashBlobInTurns(crypto, job.blind, input.blob);
  // Other rows would give other output, and so blame an honest shard.
  if (!equalBytes(ref.root, input.ref.root))
    throw new Refusal('invalid', 'the input is not the one that the claim names');
  const values = readInputValues(own, input);
  if (scorer.kind === 'rows')
    return await scoreRows(job, { ...input, values }, { ...scorer, modelRoot, crypto, signal });
  const { engine, given } = scorer;
  // Rows out of range could end the pass. A leader that signed a reply for them answers for zeros.
  given.give(values instanceof Float32Array ? values : new Float32Array(0));
  try {
    return await scoreJob(job, { engine, crypto, signal });
  } finally {
    given.give(new Float32Array(0));
  }
}
