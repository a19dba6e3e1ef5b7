import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import type { TextEngine } from '@ogong/engine/interface/text';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { parseEmbeddingJob, scoreEmbeddingJob } from './score-embedding.ts';
import { parseScoreJob, scoreJob } from './score-job.ts';

/** What a verifier re-runs replies on. */
export type ScoringEngine = TextEngine | EmbeddingEngine;

/** A job of the engine's modality, every field in range. */
export interface ScorableJob {
  readonly jobId: Uint8Array;
  /** Claimed outputs: tokens of a text, inputs of an embedding. */
  readonly outputs: number;
  /** @returns the canonical report. @throws EngineError, Refusal */
  score(signal: AbortSignal): Promise<Uint8Array>;
}

/** The engine that runs a job's model. @throws Refusal where none does. */
export function findEngine(engines: readonly ScoringEngine[], modelRoot: Uint8Array): ScoringEngine {
  const found = engines.find((engine) => equalBytes(engine.info().modelRoot, modelRoot));
  if (found !== undefined) return found;
  if (modelRoot.length !== 32) throw new Refusal('invalid', `a model root has 32 bytes, not ${modelRoot.length}`);
  throw new Refusal('unsupported', `no model of root ${toHex(modelRoot)} runs here`);
}

/** By engine interface: the only list of what this verifier can check. @throws Refusal naming what is out of range. */
export function parseScorable(message: ScoreJobMessage, engine: ScoringEngine, crypto: Crypto): ScorableJob {
  if (engine.specificationVersion === 'embedding-v1') {
    const job = parseEmbeddingJob(message);
    const score = (signal: AbortSignal) => scoreEmbeddingJob(job, { engine, crypto, signal });
    return { jobId: job.jobId, outputs: job.request.inputs.length, score };
  }
  const job = parseScoreJob(message);
  const score = (signal: AbortSignal) => scoreJob(job, { engine, crypto, signal });
  return { jobId: job.jobId, outputs: job.outputTokens.length, score };
}
