import { equalBytes, ProtocolError } from '../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../base/checks.ts';
import { type BlobRef, createBlobHasher } from '../../commitment/blob.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { FindBlob } from '../modality.ts';
import { computeDrawKey } from '../text/sampling/draw-key.ts';
import type { TrajectoryHeader } from './header.ts';
import type { StepLeaves } from './leaf.ts';
import { createLatentNoise } from './noise.ts';
import { areSame, projectValues } from './projection.ts';
import { advanceLatent, type Schedule, type ScheduleStep, type StepValues } from './schedule/schedule.ts';
import { decodeValues, encodeValues, VALUE_BYTES } from './values.ts';

/** A committed trajectory, with the parts that fix how it is replayed. */
export interface CommittedSteps {
  /** Blind of the answer. */
  readonly blind: Uint8Array;
  readonly header: TrajectoryHeader;
  readonly leaves: StepLeaves;
  readonly schedule: Schedule;
}

export interface ReplayedSteps {
  readonly checks: readonly Check[];
  /** All latents, the noise first and the decoded one last, if every link held. */
  readonly latents: readonly Float32Array[] | undefined;
  /** Roots of the blobs that show a broken link, if one broke. */
  readonly broken?: readonly Uint8Array[];
}

/** Computes the root of the blob of these values. */
export function computeValuesRoot(crypto: Crypto, blind: Uint8Array, values: Float32Array): Uint8Array {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(encodeValues(values));
  return hasher.finish().ref.root;
}

/** Computes the first latent: the noise of the draw key, as the schedule scales it. */
export function createFirstLatent(
  crypto: Crypto,
  { drawKey, embeddingSize }: Pick<TrajectoryHeader, 'drawKey' | 'embeddingSize'>,
  { noiseScale }: Pick<Schedule, 'noiseScale'>,
): Float32Array {
  const noise = createLatentNoise(crypto, computeDrawKey(crypto, drawKey), embeddingSize);
  return noiseScale === 1 ? noise : noise.map((value) => value * noiseScale);
}

/** Lists the blobs of the outputs, which fix all latents. */
export function listOutputBlobs({ header, leaves }: Pick<CommittedSteps, 'header' | 'leaves'>): BlobRef[] {
  const bytes = header.embeddingSize * VALUE_BYTES;
  return leaves.steps.map(({ outputRoot: root }) => ({ bytes, root }));
}

/**
 * Replays the links of a trajectory without a model. The noise of the draw key must be the first latent. Each latent must follow from the
 * one before and its output, to the bit. The outputs fix all latents, so no latent needs to be fetched.
 *
 * Evidence of a broken link shows the values of that link alone. Then each link whose values are at hand is replayed.
 * @param blobs finds outputs and latents. Default: none is at hand, and only the noise is checked.
 */
export function replayLinks(
  crypto: Crypto,
  { blind, header, leaves, schedule }: CommittedSteps,
  blobs: FindBlob = () => undefined,
): ReplayedSteps {
  const { embeddingSize, sketchBankSeed } = header;
  const read = (root: Uint8Array): Float32Array | undefined => {
    const bytes = blobs(root);
    return bytes && decodeValues(bytes, embeddingSize);
  };
  const stop = (check: Check, broken: readonly Uint8Array[] = []): ReplayedSteps => ({
    checks: [check],
    ...{ latents: undefined, broken },
  });
  const roots = [...leaves.steps.map(({ latentRoot }) => latentRoot), leaves.finalRoot];
  const latents: (Float32Array | undefined)[] = [];
  let next: Float32Array | undefined = createFirstLatent(crypto, header, schedule);
  let before: StepValues | undefined;
  let held = 0;
  for (const [i, root] of roots.entries()) {
    if (next !== undefined && !equalBytes(computeValuesRoot(crypto, blind, next), root))
      return stop(fail('links', describeBroken(i), i), listLinkRoots(leaves, schedule, i - 1));
    if (next !== undefined) held++;
    const step = leaves.steps[i];
    try {
      const latent: Float32Array | undefined = next ?? read(root);
      latents.push(latent);
      if (step === undefined) break;
      const output = read(step.outputRoot);
      if (output && !areSame(projectValues(crypto, sketchBankSeed, output), step.projection))
        return stop(fail('projections', `the projection of step ${i} is not that of its output`, i), [step.outputRoot]);
      const values: StepValues | undefined = latent && output && { latent, output };
      next = values && advance(schedule.steps[i] as ScheduleStep, values, before);
      before = values;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return stop(fail('links', `the values of step ${i}: ${error.message}`, i), step ? [step.outputRoot] : []);
    }
  }
  const all = latents.filter((latent) => latent !== undefined);
  if (held === roots.length) {
    const checks = [
      pass(
        'links',
        `${held - 1} steps from the noise of the draw key to the picture's latent follow from their outputs`,
      ),
      pass('projections', `${held - 1} projections recomputed from their outputs`),
    ];
    return { checks, latents: all };
  }
  const reason = `the outputs of ${roots.length - held} of ${roots.length - 1} steps are not shown here`;
  return { checks: [skip('links', reason), skip('projections', reason)], latents: undefined };
}

/** @returns undefined if the step needs the one before, whose values are not at hand. */
function advance(step: ScheduleStep, values: StepValues, before: StepValues | undefined): Float32Array | undefined {
  const isAlone = step.latentBefore === 0 && step.outputBefore === 0;
  return isAlone || before !== undefined ? advanceLatent(step, values, before) : undefined;
}

/** Lists the roots of the values that a step reads: its latent and output, and those of the step before if it reads them. */
function listLinkRoots({ steps }: StepLeaves, schedule: Schedule, index: number): Uint8Array[] {
  const { latentBefore = 0, outputBefore = 0 } = schedule.steps[index] ?? {};
  const first = latentBefore === 0 && outputBefore === 0 ? index : index - 1;
  return steps.slice(Math.max(0, first), index + 1).flatMap(({ latentRoot, outputRoot }) => [latentRoot, outputRoot]);
}

const describeBroken = (i: number): string =>
  i === 0 ? 'the first latent is not the noise of the draw key' : `latent ${i} does not follow from step ${i - 1}`;
