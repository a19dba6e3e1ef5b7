import type { Engine } from '@ogong/engine/open-engine';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { ScorableJob } from '../modality/modality.ts';
import { findModality } from '../modality/registry.ts';

/** Returns the engine that runs a job's model. @throws Refusal if there is none. */
export function findEngine(engines: readonly Engine[], modelRoot: Uint8Array): Engine {
  const found = engines.find((engine) => equalBytes(engine.info().modelRoot, modelRoot));
  if (found !== undefined) return found;
  if (modelRoot.length !== 32) throw new Refusal('invalid', `a model root has 32 bytes, not ${modelRoot.length}`);
  throw new Refusal('unsupported', `no model of root ${toHex(modelRoot)} runs here`);
}

/** Reads a job as the engine's modality has it. @throws Refusal naming the field that is out of range. */
export const parseScorable = (message: ScoreJobMessage, engine: Engine, crypto: Crypto): ScorableJob =>
  findModality(engine).openScoreJob(message, { engine, crypto });
