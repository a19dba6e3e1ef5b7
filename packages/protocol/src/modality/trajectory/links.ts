import { equalBytes, ProtocolError } from '../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../base/checks.ts';
import { type BlobRef, createBlobHasher } from '../../commitment/blob.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { computeDrawKey } from '../text/sampling/draw-key.ts';
import type { TrajectoryHeader } from './header.ts';
import type { StepLeaves } from './leaf.ts';
import { createLatentNoise } from './noise.ts';
import { areSame, projectValues } from './projection.ts';
import { advanceLatent, type Schedule, type StepValues } from './schedule/schedule.ts';
import { decodeValues, encodeValues, VALUE_BYTES } from './values.ts';

/** Returns the bytes of a blob by its root, 32 bytes; undefined if they are not at hand. Their root was checked. */
export type FindBlob = (root: Uint8Array) => Uint8Array | undefined;

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
 * Replays every link of a trajectory without a model. The noise of the draw key must be the first latent. Each latent must follow from the
 * one before and its output, to the bit. Latents are computed here, so only outputs are fetched.
 */
export function replayLinks(crypto: Crypto, committed: CommittedSteps, findBlob: FindBlob | undefined): ReplayedSteps {
  const none = { latents: undefined };
  if (findBlob === undefined) {
    const checks = [
      skip('links', 'the outputs of the steps are not shown here'),
      skip('projections', 'the outputs of the steps are not shown here'),
    ];
    return { checks, ...none };
  }
  const { blind, header, leaves, schedule } = committed;
  const latents = [createFirstLatent(crypto, header, schedule)];
  let before: StepValues | undefined;
  for (const [i, { latentRoot, outputRoot, projection }] of leaves.steps.entries()) {
    const latent = latents[i] as Float32Array;
    if (!equalBytes(computeValuesRoot(crypto, blind, latent), latentRoot))
      return { checks: [fail('links', describeBroken(i), i)], ...none };
    const bytes = findBlob(outputRoot);
    if (bytes === undefined) return { checks: [skip('links', `the output of step ${i} is not at hand`)], ...none };
    let output: Float32Array;
    try {
      output = decodeValues(bytes, header.embeddingSize);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { checks: [fail('links', `the output of step ${i}: ${error.message}`, i)], ...none };
    }
    if (!areSame(projectValues(crypto, header.sketchBankSeed, output), projection)) {
      const wrong = fail('projections', `the projection of step ${i} is not that of its output`, i);
      return { checks: [pass('links', `${i} links hold so far`), wrong], ...none };
    }
    const values = { latent, output };
    latents.push(advanceLatent(schedule.steps[i] as Schedule['steps'][number], values, before));
    before = values;
  }
  const steps = leaves.steps.length;
  if (!equalBytes(computeValuesRoot(crypto, blind, latents[steps] as Float32Array), leaves.finalRoot))
    return { checks: [fail('links', describeBroken(steps), steps)], ...none };
  const checks = [
    pass('links', `${steps} steps from the noise of the draw key to the picture's latent follow from their outputs`),
    pass('projections', `${steps} projections recomputed from their outputs`),
  ];
  return { checks, latents };
}

const describeBroken = (i: number): string =>
  i === 0 ? 'the first latent is not the noise of the draw key' : `latent ${i} does not follow from step ${i - 1}`;
