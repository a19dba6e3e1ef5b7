import type { Engine } from '@ogong/engine/open-engine';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { attachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { ScorableJob } from '../modality/modality.ts';
import { findModality } from '../modality/registry.ts';
import { isSegmentJob, openSegmentJob } from '../modality/text/segment-job.ts';
import type { VerifierDependencies } from './verifier-state.ts';

/** Returns the engine that runs a job's model. @throws Refusal if there is none. */
export function findEngine(engines: readonly Engine[], modelRoot: Uint8Array): Engine {
  const found = engines.find((engine) => equalBytes(engine.info().modelRoot, modelRoot));
  if (found !== undefined) return found;
  if (modelRoot.length !== 32) throw new Refusal('invalid', `a model root has 32 bytes, not ${modelRoot.length}`);
  throw new Refusal('unsupported', `no model of root ${toHex(modelRoot)} runs here`);
}

/** Opens a job for the engine or the segment that runs its model. @throws Refusal naming the field that is out of range. */
export function openJob(
  message: ScoreJobMessage,
  { engines, segments = [], crypto }: Pick<VerifierDependencies, 'engines' | 'segments' | 'crypto'>,
): ScorableJob {
  const { modelRoot } = message;
  const held = segments.filter((segment) => equalBytes(segment.modelRoot, modelRoot));
  const isWhole = engines.some((engine) => equalBytes(engine.info().modelRoot, modelRoot));
  if (held.length > 0 && (!isWhole || isSegmentJob(message))) return openSegmentJob(message, { held, crypto });
  return parseScorable(message, findEngine(engines, modelRoot), crypto);
}

/** Reads a job as the engine's modality has it. @throws Refusal naming the field that is out of range. */
export const parseScorable = (message: ScoreJobMessage, engine: Engine, crypto: Crypto): ScorableJob =>
  findModality(engine).openScoreJob(message, { engine, crypto, media: readMedia(crypto, message) });

/** Reads the media of a job's request. @throws Refusal naming a part that is missing or wrong. */
function readMedia(crypto: Crypto, { request, media = [] }: ScoreJobMessage): RequestMedia {
  try {
    return attachMedia(crypto, request, media);
  } catch (error) {
    if (error instanceof RequestError) throw new Refusal('invalid', `media: ${error.message}`);
    throw error;
  }
}
