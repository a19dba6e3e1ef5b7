import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import { ApiError } from '@ogong/host/http/api-error';
import type { BodyLimits } from '@ogong/host/http/body';
import type { Clock } from '@ogong/host/time/clock';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type Demands, findUnmetDemand, type OfferedWeights } from '@ogong/protocol/modality/demands';
import type { RequestPreference } from '@ogong/protocol/modality/shared/preference-fields';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import type { Lease, LoadedModels } from '../engine/loaded-models.ts';
import { assertFitsModel } from '../engine/model-request.ts';
import { commitLocally, findDay, type LocalPlan, planLocally, type ServedRequest } from './commit-locally.ts';
import type { KeptReply, LocalReceipts } from './local-receipts.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ModelShelf, ShelfModel } from './model-shelf.ts';
import type { SpeedMeter } from './speed-meter.ts';

/** What a request to a model of this machine needs. */
export interface LocalCall {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly shelf: ModelShelf;
  readonly library: ModelLibrary;
  readonly loaded: LoadedModels;
  readonly receipts: LocalReceipts;
  readonly speeds: SpeedMeter;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** What a chat template reads as today. */
export const findToday = (clock: Clock): number => findDay(clock.nowMs());

export const BODY_LIMITS: BodyLimits = { maxBytes: 16 * 1024 * 1024, timeoutMs: 30_000 };

/** A loaded model that writes. @throws ApiError where it only embeds; ModelError, EngineError */
export async function borrowText(
  { loaded }: LocalCall,
  model: ShelfModel,
  { keepMs, use }: { readonly keepMs?: number | undefined; readonly use: string },
): Promise<Lease & { readonly engine: TextEngine }> {
  const lease = await loaded.borrow(model, keepMs);
  const { engine } = lease;
  if (engine.specificationVersion === 'text-v1') return { ...lease, engine };
  throw refuseUse(lease, model, use);
}

/** A loaded model that embeds, or reranks. @throws ApiError where it does not; ModelError, EngineError */
export async function borrowEmbedding(
  { loaded }: LocalCall,
  model: ShelfModel,
  { keepMs, use }: { readonly keepMs?: number | undefined; readonly use: 'embeddings' | 'reranking' },
): Promise<Lease & { readonly engine: EmbeddingEngine }> {
  const lease = await loaded.borrow(model, keepMs);
  const { engine } = lease;
  if (engine.specificationVersion === 'embedding-v1') {
    const does = engine.info().pooling === 'rank' ? 'reranking' : 'embeddings';
    if (does === use) return { ...lease, engine };
  }
  const { specificationVersion: kind } = engine;
  throw refuseUse(lease, model, use === 'reranking' ? `${use}: ${NO_RERANKER[kind]}` : use);
}

/** A file that only writes may be a reranker all the same, which is asked for the likelihood of yes. */
const NO_RERANKER: Readonly<
  Record<EmbeddingEngine['specificationVersion'] | TextEngine['specificationVersion'], string>
> = {
  'embedding-v1': 'it makes vectors; a reranker has a classifier, and its file names pooling type rank',
  'text-v1':
    'it writes, and is not asked for yes or no; a reranker has a classifier, and its file names pooling type rank',
};

function refuseUse(lease: Lease, { name }: ShelfModel, use: string): ApiError {
  lease.release();
  return new ApiError('invalid_request', `${JSON.stringify(name)} does not support ${use}`, { param: 'model' });
}

/** @throws ApiError where the model is none that the request demands. */
export function assertDemands(
  { demands, preference }: { readonly demands: Demands; readonly preference: RequestPreference },
  info: OfferedWeights,
): void {
  const { sort, maxPricePer1kAtomic, only, ignore, sealSuite, hedge } = preference;
  const isChoice = sort !== undefined || maxPricePer1kAtomic !== undefined || only.length + ignore.length > 0;
  if (isChoice || hedge === true) {
    const why =
      'this machine answers by itself and for nothing: there is nobody to choose from; leave the preference out';
    throw new ApiError('invalid_request', why, { param: 'ogong' });
  }
  if (sealSuite !== undefined) {
    throw new ApiError('invalid_request', 'this machine seals nothing: leave ogong.seal_suite out', { param: 'ogong' });
  }
  const problem = findUnmetDemand(demands, info);
  if (problem !== undefined) throw new ApiError('invalid_request', problem, { param: 'ogong' });
}

/** One answer to a prompt. */
export interface LocalJob {
  readonly engine: TextEngine;
  readonly request: ServedRequest;
  /** Which of the answers to this prompt: under one seed, a prompt among others has the answer that it has alone. Default: the first. */
  readonly draw?: number;
  /** Takes the receipt before the answer's end is told; of an answer that was broken off, once the engine has stopped. */
  readonly keep: (reply: KeptReply) => void;
  readonly signal: AbortSignal;
}

type Means = Pick<LocalCall, 'crypto' | 'clock' | 'randomBytes' | 'speeds'>;

/** @throws RequestError, EngineError */
export function generateLocally(means: Means, job: LocalJob): AsyncIterable<TextGenerationEvent> {
  const { engine, request, signal } = job;
  const { asked, prompt } = request;
  assertFitsModel(request, engine.info());
  const plan = planLocally(means, job);
  const broken = new AbortController();
  const events = engine.generate(
    {
      prompt,
      sampler: asked.sampler,
      bias: asked.bias,
      grammar: asked.grammar,
      drawKey: computeDrawKey(means.crypto, plan.drawKey),
      maxTokens: asked.maxTokens,
      stop: asked.stop,
      sketch: plan.sketch,
      topLogprobs: asked.topLogprobs,
      cacheScope: `local/${asked.promptCacheKey ?? ''}`,
    },
    { signal: AbortSignal.any([signal, broken.signal]) },
  );
  return follow(means, events, { ...job, plan, breakOff: () => broken.abort() });
}

/** Keeps the receipt, also of an answer whose reader leaves before its end. */
async function* follow(
  { crypto, clock, speeds }: Means,
  events: AsyncIterable<TextGenerationEvent>,
  { keep, breakOff, ...job }: LocalJob & { readonly plan: LocalPlan; readonly breakOff: () => void },
): AsyncGenerator<TextGenerationEvent> {
  const windows: WindowBytes[] = [];
  let promptTokens: Uint32Array | undefined;
  let isOver = false;
  const note = (event: TextGenerationEvent): void => {
    if (event.kind === 'start') promptTokens = event.promptTokens;
    else if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'end') {
      isOver = true;
      speeds.note(job.engine, event);
      if (event.outputTokens.length > 0 && promptTokens !== undefined)
        keep(commitLocally(crypto, { ...job, promptTokens, windows, end: event, endMs: clock.nowMs() }));
    }
  };
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next();
      if (next.done) return;
      note(next.value);
      yield next.value;
    }
  } catch (error) {
    isOver = true;
    throw error;
  } finally {
    if (!isOver) {
      breakOff();
      await finish(iterator, note);
    }
  }
}

/** Nobody reads any more: what is left is noted, and a failure is nobody's. */
async function finish(
  iterator: AsyncIterator<TextGenerationEvent>,
  note: (event: TextGenerationEvent) => void,
): Promise<void> {
  try {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) note(next.value);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}

export const encodeJson = (value: unknown): Uint8Array => utf8Encode(JSON.stringify(value));
