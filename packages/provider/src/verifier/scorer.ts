import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import type { TextEngine } from '@ogong/engine/interface/text';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ScoreRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
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

/** By engine interface: the only list of what this verifier can check. @throws Refusal naming what is out of range. */
export function parseScorable(message: ScoreRequest, engine: ScoringEngine, crypto: Crypto): ScorableJob {
  if (engine.specificationVersion === 'embedding-v1') {
    const job = parseEmbeddingJob(message);
    const score = (signal: AbortSignal) => scoreEmbeddingJob(job, { engine, crypto, signal });
    return { jobId: job.jobId, outputs: job.request.inputs.length, score };
  }
  const job = parseScoreJob(message, engine.info());
  const score = (signal: AbortSignal) => scoreJob(job, { engine, crypto, signal });
  return { jobId: job.jobId, outputs: job.outputTokens.length, score };
}
