import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import { type DiffusionSettings, listTimesteps, type PredictionType, type TimestepSpacing } from './diffusion-times.ts';
import { logarithm } from './logarithm.ts';
import { planDdim, planDpmSolver, planEuler, planFlowMatch } from './samplers.ts';
import { advanceLatent, type Schedule, type StepValues } from './schedule.ts';

const SD: DiffusionSettings = {
  ...{ trainSteps: 1_000, betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear' },
  ...{ prediction: 'epsilon', spacing: 'leading', stepsOffset: 1 },
};
const PREDICTIONS: readonly PredictionType[] = ['epsilon', 'v_prediction', 'sample'];
const SPACINGS: readonly TimestepSpacing[] = ['leading', 'linspace', 'trailing'];
const VALUES = 64;

function drawValues(seed: number): Float32Array {
  const random = createSeededRandom(seed);
  return Float32Array.from({ length: VALUES }, () => 4 * random() - 2);
}

/** Plays a schedule with a model that knows the clean latent. */
function play(schedule: Schedule, { noise, model }: Played): Float32Array {
  let latent: Float32Array = noise.map((value) => value * schedule.noiseScale);
  let before: StepValues | undefined;
  for (const step of schedule.steps) {
    const values = {
      latent,
      output: model(
        latent.map((value) => value * step.inputScale),
        step.timestep,
      ),
    };
    latent = advanceLatent(step, values, before);
    before = values;
  }
  return latent;
}

interface Played {
  readonly noise: Float32Array;
  readonly model: (input: Float32Array, timestep: number) => Float32Array;
}

/** Products of 1 - beta, by the definition, for times between two training times too. */
function signalAt(time: number): { alpha: number; sigma: number } {
  const level = (index: number): number => {
    let product = 1;
    for (let i = 0; i <= index; i++) {
      const root = Math.sqrt(0.00085) + ((Math.sqrt(0.012) - Math.sqrt(0.00085)) * i) / 999;
      product *= 1 - root ** 2;
    }
    return Math.sqrt((1 - product) / product);
  };
  const low = Math.floor(time);
  const between = low === time ? level(low) : level(low) + (time - low) * (level(low + 1) - level(low));
  return { alpha: 1 / Math.hypot(1, between), sigma: between / Math.hypot(1, between) };
}

/** A model that knows the clean latent: it reads the noise off its input and predicts exactly. */
const createOracle =
  (clean: Float32Array, prediction: PredictionType) =>
  (input: Float32Array, timestep: number): Float32Array => {
    const { alpha, sigma } = signalAt(timestep);
    return input.map((value, i) => {
      const x = clean[i] as number;
      const noise = (value - alpha * x) / sigma;
      if (prediction === 'epsilon') return noise;
      return prediction === 'sample' ? x : alpha * noise - sigma * x;
    });
  };

describe('a schedule', () => {
  it.each(PREDICTIONS.flatMap((prediction) => SPACINGS.map((spacing) => [prediction, spacing] as const)))(
    'ends at the clean latent if the model predicts %s exactly, with times that are %s',
    (prediction, spacing) => {
      const settings = { ...SD, prediction, spacing };
      const clean = drawValues(1);
      const noise = drawValues(2);
      const model = createOracle(clean, prediction);
      // Of 7 trailing steps DDIM's last one would end at training time 0, as in diffusers.
      for (const steps of [2, 5, 20]) {
        for (const schedule of [
          planDdim({ ...settings, endsClean: true }, steps),
          planEuler(settings, steps),
          planDpmSolver(settings, steps),
        ]) {
          const end = play(schedule, { noise, model });
          for (let i = 0; i < VALUES; i++) expect(end[i]).toBeCloseTo(clean[i] as number, 4);
        }
      }
    },
  );

  it('ends at the clean latent if the flow is straight', () => {
    const clean = drawValues(1);
    const noise = drawValues(2);
    const model = (): Float32Array => noise.map((value, i) => value - (clean[i] as number));
    for (const shift of [1, 3]) {
      const schedule = planFlowMatch({ trainSteps: 1_000, shift }, 9);
      expect(schedule.steps[0]?.timestep).toBe(1_000);
      const end = play(schedule, { noise, model });
      for (let i = 0; i < VALUES; i++) expect(end[i]).toBeCloseTo(clean[i] as number, 5);
    }
  });

  it('moves a latent as the published formula of DDIM does', () => {
    const { steps } = planDdim({ ...SD, endsClean: false }, 20);
    expect(steps.map(({ timestep }) => timestep).slice(0, 3)).toEqual([951, 901, 851]);
    const [latent, output] = [drawValues(3), drawValues(4)];
    const next = advanceLatent(steps[5]!, { latent, output });
    const [from, to] = [signalAt(701), signalAt(651)];
    for (let i = 0; i < VALUES; i++) {
      const clean = ((latent[i] as number) - from.sigma * (output[i] as number)) / from.alpha;
      expect(next[i]).toBeCloseTo(to.alpha * clean + to.sigma * (output[i] as number), 5);
    }
  });

  it('moves a latent as the published formula of DPM-Solver++ does', () => {
    const { steps } = planDpmSolver({ ...SD, spacing: 'linspace' }, 20);
    const before = { latent: drawValues(3), output: drawValues(4) };
    const now = { latent: drawValues(5), output: drawValues(6) };
    const at = 7;
    const next = advanceLatent(steps[at]!, now, before);
    const [s1, s0, t] = [at - 1, at, at + 1].map((index) => signalAt(steps[index]!.timestep)) as [
      ReturnType<typeof signalAt>,
      ReturnType<typeof signalAt>,
      ReturnType<typeof signalAt>,
    ];
    const lambda = ({ alpha, sigma }: typeof t): number => Math.log(alpha / sigma);
    const h = lambda(t) - lambda(s0);
    const r0 = (lambda(s0) - lambda(s1)) / h;
    for (let i = 0; i < VALUES; i++) {
      const m0 = ((now.latent[i] as number) - s0.sigma * (now.output[i] as number)) / s0.alpha;
      const m1 = ((before.latent[i] as number) - s1.sigma * (before.output[i] as number)) / s1.alpha;
      const factor = -t.alpha * (Math.exp(-h) - 1);
      const expected = (t.sigma / s0.sigma) * (now.latent[i] as number) + factor * m0 + 0.5 * factor * ((m0 - m1) / r0);
      expect(next[i]).toBeCloseTo(expected, 4);
    }
    expect(() => advanceLatent(steps[at]!, now)).toThrow('needs the one before');
  });

  it('takes the training times that diffusers takes', () => {
    const list = (spacing: TimestepSpacing, steps: number, rest: object = {}): number[] =>
      listTimesteps({ ...SD, spacing }, { steps, ...rest });
    expect(list('leading', 4)).toEqual([751, 501, 251, 1]);
    expect(list('leading', 4, { skipsLast: true })).toEqual([801, 601, 401, 201]);
    expect(list('linspace', 4, { rounds: false })).toEqual([999, 666, 333, 0]);
    expect(list('linspace', 4, { skipsLast: true })).toEqual([999, 749, 500, 250]);
    // NumPy rounds 937.5 up and 812.5 down.
    expect(list('trailing', 16).slice(0, 4)).toEqual([999, 937, 874, 811]);
  });

  it.each([0, 1.5, 1_001, Number.NaN])('of %s steps is refused', (steps) => {
    expect(() => planEuler(SD, steps)).toThrow('steps');
    expect(() => planFlowMatch({ trainSteps: 1_000, shift: 1 }, steps)).toThrow('steps');
  });

  it('refuses values of other lengths', () => {
    const [step] = planEuler(SD, 3).steps;
    expect(() => advanceLatent(step!, { latent: drawValues(1), output: new Float32Array(3) })).toThrow('values');
  });
});

it('the logarithm is that of the platform, to the last bits', () => {
  for (let exponent = -60; exponent <= 60; exponent++) {
    const value = 1.37 ** exponent;
    expect(Math.abs(logarithm(value) - Math.log(value))).toBeLessThan(1e-14 * Math.max(1, Math.abs(exponent)));
  }
});
