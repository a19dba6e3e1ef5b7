import { randomBytes } from 'node:crypto';
import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import { ApiError } from '@ogong/host/http/api-error';
import type { BodyLimits } from '@ogong/host/http/body';
import type { Clock } from '@ogong/host/time/clock';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { assertFitsModel, type ModelRequest } from '../engine/model-request.ts';
import type { Lease, LoadedModels } from './loaded-models.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ModelShelf, ShelfModel } from './model-shelf.ts';

/** What a request to a model of this machine needs. */
export interface LocalCall {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly shelf: ModelShelf;
  readonly library: ModelLibrary;
  readonly loaded: LoadedModels;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** What a chat template reads as today, in days since 1970-01-01 UTC. */
export const findToday = (clock: Clock): number => Math.floor(clock.nowMs() / 86_400_000);

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

/** A loaded model that embeds. @throws ApiError where it does not; ModelError, EngineError */
export async function borrowEmbedding(
  { loaded }: LocalCall,
  model: ShelfModel,
  { keepMs, use }: { readonly keepMs?: number | undefined; readonly use: string },
): Promise<Lease & { readonly engine: EmbeddingEngine }> {
  const lease = await loaded.borrow(model, keepMs);
  const { engine } = lease;
  if (engine.specificationVersion === 'embedding-v1') return { ...lease, engine };
  throw refuseUse(lease, model, use);
}

function refuseUse(lease: Lease, { name }: ShelfModel, use: string): ApiError {
  lease.release();
  return new ApiError('invalid_request', `${JSON.stringify(name)} does not support ${use}`, { param: 'model' });
}

const NO_SKETCH = { bankSeed: new Uint8Array(32), directions: DEFAULT_DIRECTIONS };

/** @throws RequestError, EngineError */
export function generateLocally(
  crypto: Crypto,
  { engine }: { readonly engine: TextEngine },
  request: ModelRequest,
  { choice = 0, signal }: { readonly choice?: number; readonly signal: AbortSignal },
): AsyncIterable<TextGenerationEvent> {
  const { asked, prompt } = request;
  const info = engine.info();
  assertFitsModel(request, info);
  return engine.generate(
    {
      prompt,
      sampler: asked.sampler,
      bias: asked.bias,
      grammar: asked.grammar,
      drawKey:
        asked.seed === undefined
          ? new Uint8Array(randomBytes(32))
          : computeDrawKey(crypto, {
              mode: 'seed',
              seed: asked.seed,
              // The seed alone, so that rewording a client's envelope does not change the draws.
              requestHash: new Uint8Array(32),
              modelRoot: info.modelRoot,
              choice,
            }),
      maxTokens: asked.maxTokens,
      stop: asked.stop,
      sketch: NO_SKETCH,
      topLogprobs: asked.topLogprobs,
      commit: false,
      cacheScope: `local/${asked.promptCacheKey ?? ''}`,
    },
    { signal },
  );
}

export const encodeJson = (value: unknown): Uint8Array => utf8Encode(JSON.stringify(value));
