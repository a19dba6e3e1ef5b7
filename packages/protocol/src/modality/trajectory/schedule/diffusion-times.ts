import { ProtocolError } from '../../../base/bytes.ts';
import { assertSteps, type LinearForm, type SignalAndNoise } from './schedule.ts';

/** How the variance of the noise grows over the training times. Headers encode a word by its place. */
export const BETA_SCHEDULES = ['linear', 'scaled_linear'] as const;
export type BetaSchedule = (typeof BETA_SCHEDULES)[number];
/** Rules that pick the training times of a shorter schedule. */
export const SPACINGS = ['leading', 'linspace', 'trailing'] as const;
export type TimestepSpacing = (typeof SPACINGS)[number];
/** Quantities that a model predicts: the noise, the velocity or the clean latent. */
export const PREDICTIONS = ['epsilon', 'v_prediction', 'sample'] as const;
export type PredictionType = (typeof PREDICTIONS)[number];

/** Training settings of a diffusion model, as `scheduler_config.json` of diffusers states them. */
export interface DiffusionSettings {
  /** Training times, 1..1000. */
  readonly trainSteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: BetaSchedule;
  readonly prediction: PredictionType;
  readonly spacing: TimestepSpacing;
  readonly stepsOffset: number;
}

/** Computes the products of 1 - beta up to each training time. */
export function computeAlphaProducts({
  trainSteps,
  betaStart,
  betaEnd,
  betaSchedule,
}: DiffusionSettings): Float64Array {
  const isScaled = betaSchedule === 'scaled_linear';
  const first = isScaled ? Math.sqrt(betaStart) : betaStart;
  const last = isScaled ? Math.sqrt(betaEnd) : betaEnd;
  const products = new Float64Array(trainSteps);
  let product = 1;
  for (let i = 0; i < trainSteps; i++) {
    const root = trainSteps === 1 ? first : first + ((last - first) * i) / (trainSteps - 1);
    product *= 1 - (isScaled ? root * root : root);
    products[i] = product;
  }
  return products;
}

export const splitProduct = (product: number): SignalAndNoise => ({
  alpha: Math.sqrt(product),
  sigma: Math.sqrt(1 - product),
});

/** Rounds a value of at least 0 to the nearest integer, halves to the even one, as NumPy does. */
function roundToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest === 0.5) return low % 2 === 0 ? low : low + 1;
  return rest < 0.5 ? low : low + 1;
}

/**
 * Lists the training times of a schedule, the noisiest first.
 * @param skipsLast with `linspace` and `leading`: of one time more, the last is left out.
 * @param rounds with `linspace`: times are integers.
 * @throws ProtocolError `out-of-range`
 */
export function listTimesteps(
  { trainSteps, spacing, stepsOffset }: DiffusionSettings,
  { steps, skipsLast = false, rounds = true }: { steps: number; skipsLast?: boolean; rounds?: boolean },
): number[] {
  assertSteps(steps, trainSteps);
  const points = skipsLast ? steps + 1 : steps;
  const times = Array.from({ length: steps }, (_, i) => {
    const left = points - 1 - i;
    if (spacing === 'trailing') return roundToEven(trainSteps - (i * trainSteps) / steps) - 1;
    if (spacing === 'leading') return left * Math.floor(trainSteps / points) + stepsOffset;
    const time = points === 1 ? 0 : ((trainSteps - 1) * left) / (points - 1);
    return rounds ? roundToEven(time) : time;
  });
  if (times.some((time) => time < 0 || time > trainSteps - 1))
    throw new ProtocolError('out-of-range', `${steps} steps with an offset of ${stepsOffset} leave the training times`);
  return times;
}

/** Returns the clean latent that the model's output stands for. */
export function toClean(prediction: PredictionType, { alpha, sigma }: SignalAndNoise): LinearForm {
  if (prediction === 'epsilon') return { latent: 1 / alpha, output: -sigma / alpha };
  if (prediction === 'v_prediction') return { latent: alpha, output: -sigma };
  return { latent: 0, output: 1 };
}

/** Returns the noise that the model's output stands for. */
export function toNoise(prediction: PredictionType, { alpha, sigma }: SignalAndNoise): LinearForm {
  if (prediction === 'epsilon') return { latent: 0, output: 1 };
  if (prediction === 'v_prediction') return { latent: sigma, output: alpha };
  return { latent: 1 / sigma, output: -alpha / sigma };
}

/** Computes the sum of two linear forms, each times its factor. */
export const combineForms = (a: LinearForm, byA: number, b: LinearForm, byB: number): LinearForm => ({
  latent: byA * a.latent + byB * b.latent,
  output: byA * a.output + byB * b.output,
});
