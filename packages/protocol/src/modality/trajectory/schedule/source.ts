import { ProtocolError } from '../../../base/bytes.ts';
import { mixLatent, type Schedule, type SignalAndNoise } from './schedule.ts';

/** A picture to change, encoded. */
export interface LatentSource {
  /** The picture's latent. */
  readonly latent: Float32Array;
  /** 1 for each place of the latent that is painted again, 0 for one that is kept. Default: all are painted. */
  readonly mask?: Float32Array | undefined;
}

/**
 * Computes the first latent: the noise as the schedule scales it, or the mix of a picture's latent and the noise.
 * @param noise of the draw key, not scaled; not mutated.
 */
export function startLatent(
  { noiseScale, mixes }: Pick<Schedule, 'noiseScale' | 'mixes'>,
  noise: Float32Array,
  source?: Pick<LatentSource, 'latent'>,
): Float32Array {
  if (source !== undefined) return mixLatent(mixes[0] as SignalAndNoise, source.latent, noise);
  return noiseScale === 1 ? noise.slice() : noise.map((value) => value * noiseScale);
}

/**
 * Puts the kept places of a picture into a latent, with the noise of their step.
 * @param next the latent as the step computes it; not mutated.
 * @param index of the latent among those of the schedule.
 * @returns the latent itself if nothing is kept.
 * @throws ProtocolError `malformed` if the lengths differ.
 */
export function keepPlaces(
  next: Float32Array,
  { mixes }: Pick<Schedule, 'mixes'>,
  {
    index,
    noise,
    source,
  }: { readonly index: number; readonly noise: Float32Array; readonly source?: LatentSource | undefined },
): Float32Array {
  if (source?.mask === undefined) return next;
  const { mask, latent } = source;
  if (next.length !== latent.length || latent.length % mask.length !== 0)
    throw new ProtocolError('malformed', `a mask of ${mask.length} values for a latent of ${latent.length}`);
  const known = mixLatent(mixes[index] as SignalAndNoise, latent, noise);
  return next.map((value, i) => (mask[i % mask.length] === 1 ? value : (known[i] as number)));
}
