import { equalBytes, ProtocolError } from '../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../base/checks.ts';
import { type BlobRef, computeBlobRoot } from '../../commitment/blob.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { FindBlob } from '../modality.ts';
import { decodeValues, encodeValues, VALUE_BYTES } from '../shared/values.ts';
import { computeDrawKey } from '../text/sampling/draw-key.ts';
import type { TrajectoryHeader } from './header.ts';
import type { StepLeaves } from './leaf.ts';
import { createLatentNoise } from './noise.ts';
import { areSame, projectValues } from './projection.ts';
import { advanceLatent, type Schedule, type ScheduleStep, type StepValues } from './schedule/schedule.ts';

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
  /** The blobs that show what is wrong, if something is: anybody with the opening and their bytes sees it. */
  readonly refutedBy?: readonly Uint8Array[];
}

/** Computes the root of the blob of these values. */
export const computeValuesRoot = (crypto: Crypto, blind: Uint8Array, values: Float32Array): Uint8Array =>
  computeBlobRoot(crypto, blind, encodeValues(values));

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
  committed: CommittedSteps,
  blobs: FindBlob = () => undefined,
): ReplayedSteps {
  const { blind, header, leaves, schedule } = committed;
  const roots = [...leaves.steps.map(({ latentRoot }) => latentRoot), leaves.finalRoot];
  /** The latent and the output of each step, as far as they are at hand. */
  const known: Partial<StepValues>[] = [];
  let next: Float32Array | undefined = createFirstLatent(crypto, header, schedule);
  let held = 0;
  for (const [i, root] of roots.entries()) {
    if (next !== undefined && !equalBytes(computeValuesRoot(crypto, blind, next), root))
      return refute(fail('links', describeBroken(i), i), listLinkValues(schedule, known, i - 1));
    if (next !== undefined) held++;
    const step = leaves.steps[i];
    const shown = [next === undefined ? blobs(root) : undefined, step && blobs(step.outputRoot)];
    const [latent, output] = shown.map((bytes) => bytes && readValues(bytes, header.embeddingSize));
    const wrong = [latent, output].indexOf('malformed');
    if (wrong >= 0)
      return refute(fail('links', `the values of step ${i} are not numbers of its latent`, i), [
        shown[wrong] as Uint8Array,
      ]);
    const values = { latent: next ?? latent, output } as Partial<StepValues>;
    if (step === undefined) {
      known.push(values);
      break;
    }
    if (values.output && !areSame(projectValues(crypto, header.sketchBankSeed, values.output), step.projection)) {
      const detail = `the projection of step ${i} is not that of its output`;
      return refute(fail('projections', detail, i), [shown[1] as Uint8Array]);
    }
    next = advance(schedule.steps[i] as ScheduleStep, values, known[i - 1]);
    known.push(values);
  }
  const { length: steps } = leaves.steps;
  if (held <= steps) {
    const unseen = `the outputs of ${steps + 1 - held} of ${steps} steps are not shown here`;
    const reason = `${unseen}; the payer's gateway and validators replay them`;
    return { checks: [skip('links', reason), skip('projections', reason)], latents: undefined };
  }
  const checks = [
    pass('links', `${steps} steps from the noise of the draw key to the picture's latent follow from their outputs`),
    pass('projections', `${steps} projections recomputed from their outputs`),
  ];
  return { checks, latents: known.map(({ latent }) => latent as Float32Array) };
}

const refute = (check: Check, refutedBy: readonly Uint8Array[]): ReplayedSteps => ({
  ...{ checks: [check], latents: undefined, refutedBy },
});

function readValues(bytes: Uint8Array, count: number): Float32Array | 'malformed' {
  try {
    return decodeValues(bytes, count);
  } catch (error) {
    if (error instanceof ProtocolError) return 'malformed';
    throw error;
  }
}

const isWhole = (values: Partial<StepValues> | undefined): values is StepValues =>
  values?.latent !== undefined && values.output !== undefined;

const hasHistory = ({ latentBefore, outputBefore }: ScheduleStep): boolean => latentBefore !== 0 || outputBefore !== 0;

/** @returns undefined if values that the step reads are not at hand. */
function advance(
  step: ScheduleStep,
  values: Partial<StepValues>,
  before: Partial<StepValues> | undefined,
): Float32Array | undefined {
  if (!isWhole(values)) return undefined;
  if (!hasHistory(step)) return advanceLatent(step, values);
  return isWhole(before) ? advanceLatent(step, values, before) : undefined;
}

/** Lists the values that a step reads: its latent and output, and those of the step before if it reads them. */
function listLinkValues({ steps }: Schedule, known: readonly Partial<StepValues>[], index: number): Uint8Array[] {
  const step = steps[index];
  if (step === undefined) return [];
  const read = known.slice(hasHistory(step) ? index - 1 : index, index + 1).filter(isWhole);
  return read.flatMap(({ latent, output }) => [encodeValues(latent), encodeValues(output)]);
}

const describeBroken = (i: number): string =>
  i === 0 ? 'the first latent is not the noise of the draw key' : `latent ${i} does not follow from step ${i - 1}`;
