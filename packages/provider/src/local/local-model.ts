import { randomBytes } from 'node:crypto';
import type { TextEngine, TextGenerationEvent } from '@ogong/engine/interface/text';
import { ApiError } from '@ogong/host/http/api-error';
import type { BodyLimits } from '@ogong/host/http/body';
import type { Clock } from '@ogong/host/time/clock';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { assertFitsModel, type ModelRequest } from '../engine/model-request.ts';

/** A model that is served to this machine alone: nothing is committed and nobody is paid. */
export interface LocalModel {
  readonly id: string;
  readonly engine: TextEngine;
  readonly loadedAtMs: number;
  readonly sizeBytes: number;
}

/** What a request to a model of this machine needs. */
export interface LocalCall {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly models: readonly LocalModel[];
  readonly randomBytes: (length: number) => Uint8Array;
}

export const BODY_LIMITS: BodyLimits = { maxBytes: 16 * 1024 * 1024, timeoutMs: 30_000 };

/** By its name, with or without Ollama's default tag. @throws ApiError `model_not_found` */
export function findModel({ models }: LocalCall, id: string): LocalModel {
  const name = id.replace(/:latest$/, '');
  const model = models.find((each) => each.id === name);
  if (model) return model;
  const known = models.map((each) => each.id).join(', ');
  throw new ApiError('model_not_found', `model ${JSON.stringify(id.slice(0, 100))} is not loaded; there is ${known}`, {
    param: 'model',
  });
}

const NO_SKETCH = { bankSeed: new Uint8Array(32), directions: DEFAULT_DIRECTIONS };

/** @throws RequestError, EngineError */
export function generateLocally(
  crypto: Crypto,
  { engine }: Pick<LocalModel, 'engine'>,
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
