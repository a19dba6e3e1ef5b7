import type { SignalAndNoise } from './schedule.ts';

/**
 * Standard deviations of a latent. Models are trained on clean latents that are scaled to variance 1, and noise has variance 1 and at most 6
 * (createLatentNoise). Strong guidance drives values to some tens of deviations. A value of 1,024 is no picture, and it still leaves a
 * network in half precision a factor of 64 before its numbers overflow.
 */
const MOST_DEVIATIONS = 1_024;

/**
 * Computes the largest absolute value that a latent may have before a step. It is MOST_DEVIATIONS times the standard deviation of
 * alpha x + sigma e, with independent x and e of variance 1.
 */
export const computeLatentBound = ({ alpha, sigma }: SignalAndNoise): number =>
  MOST_DEVIATIONS * Math.sqrt(alpha * alpha + sigma * sigma);
