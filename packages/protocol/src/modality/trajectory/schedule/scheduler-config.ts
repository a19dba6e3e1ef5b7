import { ProtocolError } from '../../../base/bytes.ts';
import type { DiffusionSettings } from './diffusion-times.ts';
import { HIDDEN_SCHEDULE, type HiddenScheduler } from './hidden-schedule.ts';
import {
  computeShift,
  type DdimSettings,
  type FlowSettings,
  planDdim,
  planDpmSolver,
  planEuler,
  planEvenFlow,
  planFlowMatch,
  type SizedFlowSettings,
} from './samplers.ts';
import type { Schedule } from './schedule.ts';

/** Samplers by the name that a request gives. */
export const SAMPLER_NAMES = ['ddim', 'euler', 'dpm-solver++', 'flow-match'] as const;
export type SamplerName = (typeof SAMPLER_NAMES)[number];

/** Training settings of a model with the sampler that its file names. */
export type SchedulerConfig =
  | {
      readonly kind: 'diffusion';
      readonly sampler: Exclude<SamplerName, 'flow-match'>;
      readonly settings: DdimSettings;
    }
  | { readonly kind: 'flow'; readonly sampler: 'flow-match'; readonly settings: FlowSettings }
  | { readonly kind: 'even-flow'; readonly sampler: 'flow-match'; readonly settings: FlowSettings }
  | { readonly kind: 'sized-flow'; readonly sampler: 'flow-match'; readonly settings: SizedFlowSettings }
  | HiddenScheduler;

const CLASSES: Readonly<Record<string, SamplerName>> = {
  DDIMScheduler: 'ddim',
  // PNDM has no sampler here. Its models share the training times of DDIM.
  PNDMScheduler: 'ddim',
  EulerDiscreteScheduler: 'euler',
  DPMSolverMultistepScheduler: 'dpm-solver++',
  FlowMatchEulerDiscreteScheduler: 'flow-match',
};

/** Fields that change the arithmetic, with the only value that the samplers here compute. */
const FIXED: Readonly<Record<string, unknown>> = {
  ...{ trained_betas: null, thresholding: false, rescale_betas_zero_snr: false, clip_sample: false },
  ...{ use_karras_sigmas: false, use_exponential_sigmas: false, use_beta_sigmas: false, use_lu_lambdas: false },
  ...{
    use_flow_sigmas: false,
    time_shift_type: 'exponential',
    interpolation_type: 'linear',
    timestep_type: 'discrete',
  },
  ...{ algorithm_type: 'dpmsolver++', solver_type: 'midpoint', solver_order: 2, euler_at_final: false },
  ...{ lower_order_final: true, final_sigmas_type: 'zero', invert_sigmas: false, stochastic_sampling: false },
  ...{ variance_type: null, shift_terminal: null, sigma_min: null, sigma_max: null, lambda_min_clipped: null },
};

/** Logarithms of shifts, for which no power leaves the range of `exponential`. */
const SHIFTS = { least: 0, most: 4 } as const;

const refuse = (problem: string): never => {
  throw new ProtocolError('unsupported', `scheduler_config.json: ${problem}`);
};

function readNumber(fields: Fields, name: string, { least, most, usual }: NumberRule): number {
  const value = fields[name] ?? usual;
  if (typeof value !== 'number' || !(value >= least && value <= most))
    return refuse(`"${name}" is ${JSON.stringify(value)}; possible are ${least} to ${most}`);
  return value;
}

function readWord<const T extends string>(fields: Fields, name: string, words: readonly [T, ...T[]]): T {
  const value = fields[name] ?? words[0];
  const word = words.find((one) => one === value);
  return word ?? refuse(`"${name}" is ${JSON.stringify(value)}; possible are ${words.join(', ')}`);
}

type Fields = Readonly<Record<string, unknown>>;

interface NumberRule {
  readonly least: number;
  readonly most: number;
  readonly usual: number;
}

function readInteger(fields: Fields, name: string, rule: NumberRule): number {
  const value = readNumber(fields, name, rule);
  return Number.isInteger(value) ? value : refuse(`"${name}" is ${value}, not an integer`);
}

/**
 * Reads `scheduler_config.json` of a model folder in the layout of diffusers. A field that would change the arithmetic has the value that
 * the samplers here compute, or the model is refused.
 * @param isEven true for a pipeline that gives a flow-matching scheduler times of its own, as that of Flux does.
 * @throws ProtocolError `unsupported` with the field.
 */
export function readSchedulerConfig(config: unknown, isEven = false): SchedulerConfig {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return refuse('it is no object');
  const fields = config as Fields;
  const name = fields._class_name;
  const sampler = typeof name === 'string' && Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
  if (sampler === undefined)
    return refuse(`"_class_name" is ${JSON.stringify(name)}; possible are ${Object.keys(CLASSES).join(', ')}`);
  for (const [field, value] of Object.entries(FIXED)) {
    const found = fields[field] ?? value;
    if (found !== value) refuse(`"${field}" is ${JSON.stringify(found)}; only ${JSON.stringify(value)} is supported`);
  }
  // diffusers clips the samples of DDIM where the field is absent.
  if (name === 'DDIMScheduler' && fields.clip_sample === undefined) refuse('"clip_sample" is absent, which means true');
  const trainSteps = readInteger(fields, 'num_train_timesteps', { least: 1, most: 1_000, usual: 1_000 });
  const isSized = fields.use_dynamic_shifting ?? false;
  if (isSized !== false && !(isSized === true && isEven && sampler === 'flow-match'))
    return refuse(`"use_dynamic_shifting" is ${JSON.stringify(isSized)}; only false is supported`);
  if (sampler === 'flow-match' && isSized === true) {
    const baseTokens = readInteger(fields, 'base_image_seq_len', { least: 1, most: 65_534, usual: 256 });
    const settings: SizedFlowSettings = {
      ...{ trainSteps, baseTokens },
      mostTokens: readInteger(fields, 'max_image_seq_len', { least: baseTokens + 1, most: 65_535, usual: 4_096 }),
      baseShift: readNumber(fields, 'base_shift', { ...SHIFTS, usual: 0.5 }),
      mostShift: readNumber(fields, 'max_shift', { ...SHIFTS, usual: 1.15 }),
    };
    return { kind: 'sized-flow', sampler, settings };
  }
  if (sampler === 'flow-match') {
    const shift = readNumber(fields, 'shift', { least: 0.01, most: 100, usual: 1 });
    return { kind: isEven ? 'even-flow' : 'flow', sampler, settings: { trainSteps, shift } };
  }
  const betaRange = { least: 1e-9, most: 0.5 };
  const betaStart = readNumber(fields, 'beta_start', { ...betaRange, usual: 0.0001 });
  const betaEnd = readNumber(fields, 'beta_end', { ...betaRange, usual: 0.02 });
  const settings: DiffusionSettings = {
    ...{ trainSteps, betaStart, betaEnd },
    betaSchedule: readWord(fields, 'beta_schedule', ['linear', 'scaled_linear']),
    prediction: readWord(fields, 'prediction_type', ['epsilon', 'v_prediction', 'sample']),
    spacing: readWord(
      fields,
      'timestep_spacing',
      sampler === 'ddim' ? ['leading', 'linspace', 'trailing'] : ['linspace', 'leading', 'trailing'],
    ),
    stepsOffset: readInteger(fields, 'steps_offset', { least: 0, most: 1_000, usual: 0 }),
  };
  const endsClean = fields.set_alpha_to_one ?? name === 'DDIMScheduler';
  if (typeof endsClean !== 'boolean') return refuse('"set_alpha_to_one" is neither true nor false');
  return { kind: 'diffusion', sampler, settings: { ...settings, endsClean } };
}

/**
 * Plans the steps of a sampler on a model.
 * @param sampler default: the one that the model's file names.
 * @param at.firstStep the first step that runs; those before it are left out. Default: 0.
 * @param at.lastStep the step before which the plan ends. Default: the number of steps.
 * @param at.places of the latent, of which a schedule may depend.
 * @throws ProtocolError `unsupported` for a sampler of the other kind of model; `out-of-range` for the number of steps.
 */
export function planSchedule(
  config: SchedulerConfig,
  steps: number,
  sampler: SamplerName = config.sampler,
  {
    firstStep = 0,
    lastStep = steps,
    places,
  }: {
    readonly firstStep?: number | undefined;
    readonly lastStep?: number | undefined;
    readonly places?: number | undefined;
  } = {},
): Schedule {
  const whole = planSampler(config, { steps, sampler, firstStep, places });
  if (firstStep === 0 && lastStep === steps) return whole;
  if (!Number.isInteger(firstStep) || firstStep < 0 || firstStep >= steps)
    throw new ProtocolError('out-of-range', `${steps} steps that begin with step ${firstStep}`);
  if (!Number.isInteger(lastStep) || lastStep <= firstStep || lastStep > steps)
    throw new ProtocolError('out-of-range', `${steps} steps that end before step ${lastStep}`);
  const { noiseScale, steps: rows, mixes, estimates } = whole;
  return {
    noiseScale,
    steps: rows.slice(firstStep, lastStep),
    mixes: mixes.slice(firstStep, lastStep + 1),
    estimates: estimates.slice(firstStep, lastStep),
  };
}

function planSampler(
  config: SchedulerConfig,
  {
    steps,
    sampler,
    firstStep,
    places,
  }: {
    readonly steps: number;
    readonly sampler: SamplerName;
    readonly firstStep: number;
    readonly places: number | undefined;
  },
): Schedule {
  if (config.kind === 'hidden') {
    if (sampler === config.sampler) return HIDDEN_SCHEDULE;
    throw new ProtocolError('unsupported', `a server that shows no steps takes no sampler, so not "${sampler}"`);
  }
  if (config.kind !== 'diffusion') {
    if (sampler !== 'flow-match')
      throw new ProtocolError('unsupported', `a flow-matching model has no sampler "${sampler}"`);
    if (config.kind === 'flow') return planFlowMatch(config.settings, steps);
    if (config.kind === 'even-flow') return planEvenFlow(config.settings, steps);
    if (places === undefined)
      throw new ProtocolError('out-of-range', 'the schedule depends on the size of the picture');
    const { settings } = config;
    return planEvenFlow({ trainSteps: settings.trainSteps, shift: computeShift(settings, places) }, steps);
  }
  if (sampler === 'ddim') return planDdim(config.settings, steps);
  if (sampler === 'euler') return planEuler(config.settings, steps);
  if (sampler === 'dpm-solver++') return planDpmSolver(config.settings, steps, firstStep);
  throw new ProtocolError('unsupported', `a diffusion model has no sampler "${sampler}"`);
}
