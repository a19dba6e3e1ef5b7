import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import type { Engine } from '@ogong/engine/open-engine';
import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { readBody, type readJsonBody } from '@ogong/host/http/body';
import { type MediaBody, type MediaBodyLimits, readMediaBody } from '@ogong/host/http/media-body';
import type { PictureFetcher } from '@ogong/host/http/picture-fetch';
import type { Clock } from '@ogong/host/time/clock';
import { ModelError } from '@ogong/models/model-error';
import { equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_MEDIA_BYTES } from '@ogong/protocol/exchange/limits';
import { type Demands, findUnmetDemand, type OfferedWeights } from '@ogong/protocol/modality/demands';
import type { RequestPreference } from '@ogong/protocol/modality/shared/preference-fields';
import { NO_TOKENS_HASH } from '@ogong/protocol/modality/text/commitment/token-window';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import type { Lease, LoadedModels } from '../engine/loaded-models.ts';
import { toPooled } from '../engine/pooled-reference.ts';
import type { KeptReply } from '../modality/local-reply.ts';
import type { LocalUse, ProviderModality } from '../modality/modality.ts';
import { findModality, isEngineOf } from '../modality/registry.ts';
import {
  commitLocally,
  findDay,
  type LocalPlan,
  planLocally,
  type ServedRequest,
} from '../modality/text/commit-locally.ts';
import { assertFitsModel } from '../modality/text/model-request.ts';
import { textModality } from '../modality/text/text.ts';
import type { LocalReceipts } from './local-receipts.ts';
import { readModelCard } from './model-card.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ModelShelf, ShelfModel } from './model-shelf.ts';
import { noteEvents } from './noted-events.ts';
import type { SpeedMeter } from './speed-meter.ts';

/** The services behind a request to a model of this machine. */
export interface LocalCall {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly shelf: ModelShelf;
  readonly library: ModelLibrary;
  readonly loaded: LoadedModels;
  readonly receipts: LocalReceipts;
  readonly speeds: SpeedMeter;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly pictures: PictureFetcher;
}

/** Returns the day that chat templates get as today. */
export const findToday = (clock: Clock): number => findDay(clock.nowMs());

export const HEARTBEAT_MS = 10_000;
const BODY_LIMITS: MediaBodyLimits = {
  maxBytes: 16 * 1024 * 1024,
  mediaBytes: MAX_MEDIA_BYTES,
  timeoutMs: 30_000,
};

/** Reads a body as the network would order it. Clients of this machine may leave the content type out. @throws ApiError, RequestError */
export const readLocalBody = (context: ApiContext): Promise<MediaBody> => readMediaBody(context, BODY_LIMITS, readBody);

/** The same, with the pictures of its addresses. @throws ApiError, RequestError */
export async function readFilledBody(
  context: ApiContext,
  { pictures }: Pick<LocalCall, 'pictures'>,
  read: typeof readJsonBody = readBody,
): Promise<MediaBody> {
  const given = await readMediaBody(context, { ...BODY_LIMITS, keepsAddresses: true }, read);
  const signal = getCallSignal(context);
  const { media, fill } = await pictures.fill(given, { maxBytes: MAX_MEDIA_BYTES, signal });
  return { body: fill(given.body), media };
}

/** Loads a model of one modality for a use. @throws ApiError if the model is not for this use; ModelError, EngineError */
export async function borrowModel<E extends Engine>(
  { loaded }: Pick<LocalCall, 'loaded'>,
  model: ShelfModel,
  {
    modality,
    keepMs,
    use,
  }: { readonly modality: ProviderModality<E>; readonly keepMs?: number | undefined; readonly use: LocalUse },
): Promise<Lease & { readonly engine: E }> {
  const reference = use === 'embeddings' && canPool(model) ? toPooled(model.reference) : model.reference;
  return narrowLease(await loaded.borrow({ reference }, keepMs), model, { modality, use });
}

/** Whether vectors of a model are made by the mean of its hidden states: it writes, on this machine alone. */
function canPool(model: ShelfModel): boolean {
  if (model.upstream !== undefined || model.machines !== undefined || model.path === '') return false;
  try {
    return readModelCard(model).modality?.writes === true;
  } catch (error) {
    // Loading the model says what is wrong with its file.
    if (error instanceof EngineError || error instanceof ModelError) return false;
    throw error;
  }
}

/** Takes a lease for a use. It is released if the model is not for it. @throws ApiError */
export function narrowLease<E extends Engine>(
  lease: Lease,
  model: Pick<ShelfModel, 'name'>,
  { modality, use }: { readonly modality: ProviderModality<E>; readonly use: LocalUse },
): Lease & { readonly engine: E } {
  const { engine } = lease;
  const misuse = findModality(engine).findMisuse(engine, use);
  if (misuse === undefined && isEngineOf(modality, engine)) return { ...lease, engine };
  lease.release();
  const message = `${JSON.stringify(model.name)} does not support ${misuse ?? use}`;
  throw new ApiError('invalid_request', message, { param: 'model' });
}

/** Unloads a model: that of its texts, and that of its vectors. */
export async function unloadModel(
  loaded: Pick<LoadedModels, 'unload'>,
  { reference }: Pick<ShelfModel, 'reference'>,
): Promise<void> {
  await Promise.all([loaded.unload(reference), loaded.unload(toPooled(reference))]);
}

/** Loads a model that writes. @throws ApiError if it does not write; ModelError, EngineError */
export const borrowText = (
  call: Pick<LocalCall, 'loaded'>,
  model: ShelfModel,
  options: { readonly keepMs?: number | undefined; readonly use: LocalUse },
): Promise<Lease & { readonly engine: TextEngine }> => borrowModel(call, model, { modality: textModality, ...options });

/** @throws ApiError if the model is none that the request demands. */
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

/** Whether answers of an engine have a receipt. One that shows no tokens gives nothing to commit to. */
export const hasReceipts = (engine: TextEngine): boolean => !equalBytes(engine.info().vocabularyHash, NO_TOKENS_HASH);

/** One answer to a prompt. */
export interface LocalJob {
  readonly engine: TextEngine;
  readonly request: ServedRequest;
  /** Number of the answer to this prompt: under one seed, a prompt among others has the answer that it has alone. Default: the first. */
  readonly draw?: number;
  /** Stores the receipt before the answer's end is sent. The receipt of a broken-off answer comes once the engine has stopped. */
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
  const over = new AbortController();
  const leave = (): void => over.abort(signal.reason);
  // The signal ends with the call. `AbortSignal.any` would cost more than the rest of this function.
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
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
    { signal: over.signal },
  );
  return noteEvents(events, { note: keepReceipt(means, { ...job, plan }), breakOff: () => over.abort() });
}

/** Returns a function that notes the events of an answer, and keeps its receipt at the end. */
function keepReceipt(
  { crypto, clock, speeds }: Means,
  { keep, ...job }: LocalJob & { readonly plan: LocalPlan },
): (event: TextGenerationEvent) => void {
  const windows: WindowBytes[] = [];
  let promptTokens: Uint32Array | undefined;
  return (event) => {
    if (event.kind === 'start' && hasReceipts(job.engine)) promptTokens = event.promptTokens;
    else if (event.kind === 'window') windows.push(event.window);
    else if (event.kind === 'end') {
      speeds.note(job.engine, event);
      if (event.outputTokens.length > 0 && promptTokens !== undefined)
        keep(commitLocally(crypto, { ...job, promptTokens, windows, end: event, endMs: clock.nowMs() }));
    }
  };
}

export const encodeJson = (value: unknown): Uint8Array => utf8Encode(JSON.stringify(value));
