import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import {
  advanceSequentialTest,
  computeLikelihoodRatio,
  computeOutcomeEValue,
  ejectOnExactEvidence,
  INITIAL_SEQUENTIAL_TEST,
  type SequentialTestState,
} from './sprt.ts';
import { computeWilsonInterval } from './statistics.ts';

const REFERENCE = new URL('../../../../../shared/vectors/stats/reference.json', import.meta.url);

// The whitepaper's calibration, sections 4.3 and 6.
const PARAMETERS = { soundness: 0.9, falsePositiveRate: 0.02, beta: 1e-3 };

/** Audits until ejection, or undefined within the horizon. */
function run(
  random: () => number,
  {
    rate,
    horizon,
    parameters = PARAMETERS,
    from = INITIAL_SEQUENTIAL_TEST as SequentialTestState,
  }: {
    rate: number;
    horizon: number;
    parameters?: typeof PARAMETERS;
    from?: SequentialTestState;
  },
): number | undefined {
  let state = from;
  for (let n = 1; n <= horizon; n++) {
    state = advanceSequentialTest(state, random() < rate ? 'reject' : 'accept', parameters);
    if (state.ejected) return n;
  }
  return undefined;
}

describe('sequential test', () => {
  it('ejects an honest provider with probability at most beta over a long life (Ville)', () => {
    const random = createSeededRandom(1912);
    const parameters = { ...PARAMETERS, beta: 0.02 };
    const lives = 4000;
    let ejected = 0;
    for (let i = 0; i < lives; i++) {
      if (run(random, { rate: parameters.falsePositiveRate, horizon: 1000, parameters }) !== undefined) ejected++;
    }
    expect(computeWilsonInterval(ejected, lives).low).toBeLessThan(parameters.beta);
    expect(ejected / lives).toBeLessThanOrEqual(parameters.beta * 1.2);
    // The bound must not be vacuous: crossing does happen.
    expect(ejected).toBeGreaterThan(0);
  });

  it('is a martingale under the honest rate, exactly', () => {
    let state = INITIAL_SEQUENTIAL_TEST;
    for (const outcome of ['accept', 'reject', 'accept', 'accept', 'reject', 'accept'] as const) {
      const { falsePositiveRate: eps } = PARAMETERS;
      const expected =
        eps * computeLikelihoodRatio(advanceSequentialTest(state, 'reject', PARAMETERS)) +
        (1 - eps) * computeLikelihoodRatio(advanceSequentialTest(state, 'accept', PARAMETERS));
      expect(expected / computeLikelihoodRatio(state)).toBeCloseTo(1, 12);
      state = advanceSequentialTest(state, outcome, PARAMETERS);
    }
  });

  it('equals its definition as a mixture over the audit at which cheating began', () => {
    const outcomes = ['accept', 'accept', 'reject', 'accept', 'reject', 'reject'] as const;
    const ratio = (outcome: 'accept' | 'reject'): number =>
      outcome === 'reject' ? 0.9 / 0.02 : (1 - 0.9) / (1 - 0.02);
    let state = INITIAL_SEQUENTIAL_TEST;
    for (const outcome of outcomes) state = advanceSequentialTest(state, outcome, { ...PARAMETERS, beta: 1e-300 });
    let mixture = 1 / (outcomes.length + 1);
    for (let k = 1; k <= outcomes.length; k++) {
      mixture += outcomes.slice(k - 1).reduce((product, outcome) => product * ratio(outcome), 1 / (k * (k + 1)));
    }
    expect(computeLikelihoodRatio(state) / mixture).toBeCloseTo(1, 12);
    expect(state).toMatchObject({ audits: 6, rejects: 3, ejected: false });
  });

  it('catches a persistent cheater in the predicted number of audits', () => {
    const random = createSeededRandom(4);
    const counts = Array.from({ length: 4000 }, () => run(random, { rate: 0.9, horizon: 500 })!);
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    const deviation = Math.sqrt(counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length);
    // Wald's first-order number, log(2 / beta) / D(s || eps) of Proposition 3, with 2 from w_1. The overshoot adds up to one
    // step.
    const { soundness: s, falsePositiveRate: e, beta } = PARAMETERS;
    const predicted = Math.log(2 / beta) / (s * Math.log(s / e) + (1 - s) * Math.log((1 - s) / (1 - e)));
    const error = (3 * deviation) / Math.sqrt(counts.length);
    expect(mean).toBeGreaterThan(predicted - error);
    expect(mean).toBeLessThan(predicted + 1 + error);
  });

  it('ejects above the boundary of Remark 3, which is 0.37 here', () => {
    const random = createSeededRandom(37);
    for (let i = 0; i < 100; i++) expect(run(random, { rate: 0.5, horizon: 5000 })).toBeDefined();
  });

  it('still catches a provider that turns after a long honest life', () => {
    const random = createSeededRandom(1000);
    let state = INITIAL_SEQUENTIAL_TEST;
    for (let i = 0; i < 10_000; i++) state = advanceSequentialTest(state, 'accept', PARAMETERS);
    for (let i = 0; i < 100; i++) expect(run(random, { rate: 0.9, horizon: 40, from: state })).toBeDefined();
  });

  it('does not move on an inconclusive audit', () => {
    const state = advanceSequentialTest(INITIAL_SEQUENTIAL_TEST, 'reject', PARAMETERS);
    expect(advanceSequentialTest(state, 'inconclusive', PARAMETERS)).toBe(state);
  });

  it('ejects at once on exact evidence, and keeps an ejection', () => {
    const ejected = ejectOnExactEvidence(INITIAL_SEQUENTIAL_TEST);
    expect(ejected).toMatchObject({ ejected: true, audits: 1, rejects: 1 });
    expect(advanceSequentialTest(ejected, 'accept', PARAMETERS).ejected).toBe(true);
  });

  it('clamps perfect rates instead of dividing by zero', () => {
    const perfect = { soundness: 1, falsePositiveRate: 0, beta: 1e-3 };
    const state = advanceSequentialTest(INITIAL_SEQUENTIAL_TEST, 'reject', perfect);
    expect(state.ejected).toBe(true);
    expect(Number.isFinite(computeLikelihoodRatio(state))).toBe(true);
  });

  it('refuses parameters that cannot separate the two', () => {
    for (const wrong of [
      { ...PARAMETERS, soundness: 0.02 },
      { ...PARAMETERS, soundness: Number.NaN },
      { ...PARAMETERS, beta: 0 },
      { ...PARAMETERS, beta: 1 },
    ]) {
      expect(() => advanceSequentialTest(INITIAL_SEQUENTIAL_TEST, 'accept', wrong)).toThrow(RangeError);
    }
  });
});

/**
 * Computes ln of the mean of the evidence over a soundness drawn from Beta(rho / h, rho / g), with h = 1 - eps and g = eps. The
 * soundness is above eps, or on both sides of it. Below eps a reject counts for honesty, so the roles swap.
 * Source: Howard, Ramdas, McAuliffe & Sekhon 2020, beta-binomial mixture.
 */
function mixLogEvidence(
  counts: { readonly rejects: number; readonly audits: number },
  { eps, rho, oneSided }: { readonly eps: number; readonly rho: number; readonly oneSided: boolean },
): number {
  const steps = 10_000;
  const prior: number[] = [];
  const joint: number[] = [];
  for (let i = 0; i < steps; i++) {
    const s = (i + 0.5) / steps;
    if (oneSided && s < eps) continue;
    const weight = (rho / (1 - eps) - 1) * Math.log(s) + (rho / eps - 1) * Math.log(1 - s);
    const evidence = (isReject: boolean): number =>
      Math.log(
        s > eps
          ? computeOutcomeEValue(isReject ? 'reject' : 'accept', { soundness: s, falsePositiveRate: eps, beta: 0.05 })
          : computeOutcomeEValue(isReject ? 'accept' : 'reject', {
              soundness: 1 - s,
              falsePositiveRate: 1 - eps,
              beta: 0.05,
            }),
      );
    prior.push(weight);
    joint.push(weight + counts.rejects * evidence(true) + (counts.audits - counts.rejects) * evidence(false));
  }
  return addLogs(joint) - addLogs(prior);
}

function addLogs(values: readonly number[]): number {
  const top = values.reduce((a, b) => Math.max(a, b));
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

describe('evidence of decisions, over all possible values of soundness', () => {
  const sides = [
    { name: 'beta_binomial_two_sided_g02_h08', oneSided: false, alpha: 0.05 },
    // One side has all of alpha. It is tuned like both sides at twice that.
    { name: 'beta_binomial_one_sided_g02_h08', oneSided: true, alpha: 0.1 },
  ] as const;

  it.skipIf(!existsSync(REFERENCE)).each(sides)(
    'is the mixture supermartingale $name, and crosses its bound (skipped: vectors not present)',
    ({ name, oneSided, alpha }) => {
      const { ville_mixture_supermartingales: reference } = JSON.parse(readFileSync(REFERENCE, 'utf8')) as {
        ville_mixture_supermartingales: Record<string, { log_superMG: number; bound: number }>;
      };
      const { log_superMG: expected, bound } = reference[name]!;
      // A centred decision is h on a reject and -g on an accept, with g = eps and h = 1 - eps. Its variance is g h, so v = 100
      // is 625 audits. A sum of 10 is 10 rejects above the 125 of an honest provider.
      const eps = 0.2;
      const variance = eps * (1 - eps);
      const audits = 100 / variance;
      const odds = 2 * Math.log(1 / alpha);
      const rho = 100 / (odds + Math.log(1 + odds)) - variance;
      const at = (sum: number): number =>
        mixLogEvidence({ rejects: audits * eps + sum, audits }, { eps, rho, oneSided });
      // Reference values have a precision of 1e-5.
      expect(Math.abs(at(10) - expected)).toBeLessThan(1e-5);
      const limit = Math.log(1 / 0.05);
      expect(Math.abs(at(bound) - limit)).toBeLessThan(1e-5);
      expect(at(Math.floor(bound))).toBeLessThan(limit);
      expect(at(Math.ceil(bound))).toBeGreaterThan(limit);
      // Another honest rate, or the mixture of the other side, has other values.
      expect(
        Math.abs(mixLogEvidence({ rejects: 135, audits }, { eps: 0.201, rho, oneSided }) - expected),
      ).toBeGreaterThan(1e-3);
      expect(
        Math.abs(mixLogEvidence({ rejects: 135, audits }, { eps, rho, oneSided: !oneSided }) - expected),
      ).toBeGreaterThan(0.1);
    },
  );
});
