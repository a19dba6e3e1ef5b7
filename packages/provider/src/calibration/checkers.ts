import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { CalibrationModel } from './model-file.ts';
import { type ServedSample, scoreSample } from './sample.ts';
import type { EngineSetup } from './setups.ts';

/** The checking side of a pair: an engine of this machine, or a verifier elsewhere. */
export interface Checker {
  readonly name: string;
  /** Checks that it answers now, before hours of serving. @throws LinkError if it would not. */
  reach?(signal: AbortSignal): Promise<void>;
  open(): Promise<OpenChecker>;
}

export interface OpenChecker {
  /** @returns canonical report; undefined if there is nothing to score. Rejects as the engine or the link does. */
  score(sample: ServedSample, signal: AbortSignal | undefined): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

export function createLocalChecker(
  { name, settings }: EngineSetup,
  {
    model,
    contextSize,
    crypto,
  }: { readonly model: CalibrationModel; readonly contextSize: number; readonly crypto: Crypto },
): Checker {
  return {
    name,
    async open() {
      const { path: modelPath, modelRoot, hashes } = model;
      const engine = await createLlamaEngine({
        ...{ modelPath, modelRoot, contextSize, ...settings, sequences: 1 },
        ...(hashes && { hashes }),
      });
      return {
        score: (sample, signal) => scoreSample(sample, { engine, crypto, ...(signal ? { signal } : {}) }),
        close: () => engine.close(),
      };
    },
  };
}
