import { ProtocolError } from '../../../base/bytes.ts';
import {
  combineForms,
  computeAlphaProducts,
  type DiffusionSettings,
  listTimesteps,
  splitProduct,
  toClean,
  toNoise,
} from './diffusion-times.ts';
import { exponential } from './exponential.ts';
import { logarithm } from './logarithm.ts';
import { assertSteps, type LinearForm, type Schedule, type ScheduleStep, type SignalAndNoise } from './schedule.ts';

const CLEAN: SignalAndNoise = { alpha: 1, sigma: 0 };
const NOTHING: LinearForm = { latent: 0, output: 0 };

const toStep = (timestep: number, now: LinearForm, before = NOTHING, inputScale = 1): ScheduleStep => ({
  ...{ timestep, inputScale, ...now },
  ...{ latentBefore: before.latent, outputBefore: before.output },
});

/** DDIM settings beside those of the model. */
export interface DdimSettings extends DiffusionSettings {
  /** Whether the last step ends at the clean latent. Otherwise it ends at the first training time. */
  readonly endsClean: boolean;
}

/** DDIM without added noise (Song et al., 2020, eta = 0): next = alpha' * clean + sigma' * noise. */
export function planDdim(settings: DdimSettings, steps: number): Schedule {
  const products = computeAlphaProducts(settings);
  const stride = Math.floor(settings.trainSteps / steps);
  const end = settings.endsClean ? CLEAN : splitProduct(products[0] as number);
  const times = listTimesteps(settings, { steps });
  const shares = times.map((time) => splitProduct(products[time] as number));
  const estimates = shares.map((from) => toClean(settings.prediction, from));
  const rows = times.map((time, i) => {
    const before = time - stride;
    const to = before >= 0 ? splitProduct(products[before] as number) : end;
    const noise = toNoise(settings.prediction, shares[i] as SignalAndNoise);
    return toStep(time, combineForms(estimates[i] as LinearForm, to.alpha, noise, to.sigma));
  });
  return { noiseScale: 1, steps: rows, mixes: [...shares, CLEAN], estimates };
}

/** Computes sigma / alpha at a training time; between two of them by a straight line. */
function noiseLevel(products: Float64Array, time: number): number {
  const at = (index: number): number => {
    const { alpha, sigma } = splitProduct(products[index] as number);
    return sigma / alpha;
  };
  const low = Math.floor(time);
  if (low === time) return at(low);
  return at(low) + (time - low) * (at(low + 1) - at(low));
}

/** Euler's method in the scale of Karras et al., 2022: z = clean + level * noise, next = z + (level' - level) * noise. */
export function planEuler(settings: DiffusionSettings, steps: number): Schedule {
  const products = computeAlphaProducts(settings);
  const times = listTimesteps(settings, { steps, rounds: false });
  const levels = [...times.map((time) => noiseLevel(products, time)), 0];
  /** Moves the latent before a step from its level of noise to another one. */
  const moveTo = (i: number, next: number): LinearForm & { readonly size: number } => {
    const level = levels[i] as number;
    const size = Math.sqrt(level * level + 1);
    // The model reads z / size, whose shares of signal and noise are 1 / size and level / size.
    const noise = toNoise(settings.prediction, { alpha: 1 / size, sigma: level / size });
    const change = next - level;
    return { latent: 1 + (change * noise.latent) / size, output: change * noise.output, size };
  };
  const rows = times.map((time, i) => {
    const { size, ...moved } = moveTo(i, levels[i + 1] as number);
    return toStep(time, moved, NOTHING, 1 / size);
  });
  const first = levels[0] as number;
  const noiseScale = settings.spacing === 'leading' ? Math.sqrt(first * first + 1) : first;
  const estimates = times.map((_, i) => {
    const { latent, output } = moveTo(i, 0);
    return { latent, output };
  });
  return { noiseScale, steps: rows, mixes: levels.map((sigma) => ({ alpha: 1, sigma })), estimates };
}

/**
 * DPM-Solver++ of second order over two steps (Lu et al., 2022), `midpoint`; the first and the last step are of first order.
 * @param firstStep the first step that runs.
 */
export function planDpmSolver(settings: DiffusionSettings, steps: number, firstStep = 0): Schedule {
  const products = computeAlphaProducts(settings);
  const times = listTimesteps(settings, { steps, skipsLast: true });
  const shares = times.map((time) => splitProduct(products[time] as number));
  const rows = times.map((time, i) => {
    const from = shares[i] as SignalAndNoise;
    const to = shares[i + 1] ?? CLEAN;
    const ratio = to.sigma / from.sigma;
    // e^-h for the step h in the logarithm of alpha / sigma.
    const decay = (from.alpha * to.sigma) / (from.sigma * to.alpha);
    const weight = to.alpha * (1 - decay);
    const clean = toClean(settings.prediction, from);
    const former = i > firstStep ? shares[i - 1] : undefined;
    if (former === undefined || to.sigma === 0) {
      return toStep(time, combineForms(clean, weight, { latent: 1, output: 0 }, ratio));
    }
    const step = logarithm((to.alpha * from.sigma) / (to.sigma * from.alpha));
    const stepBefore = logarithm((from.alpha * former.sigma) / (from.sigma * former.alpha));
    const slope = (0.5 * step) / stepBefore;
    const now = combineForms(clean, weight * (1 + slope), { latent: 1, output: 0 }, ratio);
    return toStep(time, now, combineForms(toClean(settings.prediction, former), -weight * slope, NOTHING, 0));
  });
  const estimates = shares.map((from) => toClean(settings.prediction, from));
  return { noiseScale: 1, steps: rows, mixes: [...shares, CLEAN], estimates };
}

/** Settings of a flow-matching model. */
export interface FlowSettings {
  /** Training times, 1..1000. The model reads the noise share times this. */
  readonly trainSteps: number;
  /** Moves the schedule towards noise if it is above 1. */
  readonly shift: number;
}

/** Settings of a flow-matching model whose shift grows with the size of the picture. */
export interface SizedFlowSettings {
  readonly trainSteps: number;
  /** Logarithms of the shifts of two pictures; all others lie on the line through both. */
  readonly baseShift: number;
  readonly mostShift: number;
  /** Tokens of these two pictures. A token is four places of a latent. */
  readonly baseTokens: number;
  readonly mostTokens: number;
}

const PLACES_OF_TOKEN = 4;

/** The logarithm of a shift at most. */
const MOST_POWER = 8;

/** Computes the shift of a picture. @param places of its latent. @throws ProtocolError `out-of-range` for a shift that no model has. */
export function computeShift(
  { baseShift, mostShift, baseTokens, mostTokens }: SizedFlowSettings,
  places: number,
): number {
  const slope = (mostShift - baseShift) / (mostTokens - baseTokens);
  const power = (places / PLACES_OF_TOKEN) * slope + (baseShift - slope * baseTokens);
  if (!(Math.abs(power) <= MOST_POWER))
    throw new ProtocolError('out-of-range', `a shift whose logarithm is ${power}; possible are -8 to 8`);
  return exponential(power);
}

/** As `planFlowMatch`, with shares that fall evenly: 1, (n - 1) / n, ..., 1 / n before the shift. */
export function planEvenFlow({ trainSteps, shift }: FlowSettings, steps: number): Schedule {
  assertSteps(steps, trainSteps);
  const shares = Array.from({ length: steps }, (_, i) => (steps - i) / steps);
  return planShares(
    trainSteps,
    shares.map((share) => shiftShare(share, shift)),
  );
}

const shiftShare = (share: number, shift: number): number => (shift * share) / (1 + (shift - 1) * share);

/** Euler's method along a straight flow (Esser et al., 2024): z = (1 - s) * clean + s * noise, next = z + (s' - s) * v. */
export function planFlowMatch({ trainSteps, shift }: FlowSettings, steps: number): Schedule {
  assertSteps(steps, trainSteps);
  const shares = Array.from({ length: steps }, (_, i) => {
    const time = steps === 1 ? trainSteps : trainSteps - ((trainSteps - 1) * i) / (steps - 1);
    return shiftShare(time / trainSteps, shift);
  });
  return planShares(trainSteps, shares);
}

/** @param shares of noise in the latent before each step. */
function planShares(trainSteps: number, shares: readonly number[]): Schedule {
  const rows = shares.map((share, i) =>
    toStep(share * trainSteps, { latent: 1, output: (shares[i + 1] ?? 0) - share }),
  );
  const mixes = [...shares, 0].map((sigma) => ({ alpha: 1 - sigma, sigma }));
  return { noiseScale: 1, steps: rows, mixes, estimates: shares.map((share) => ({ latent: 1, output: -share })) };
}
