import { createSyntheticEvidence, drawNormal } from '@ogong/testing/synthetic/synthetic-evidence';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { calibrateRank } from '../statistics/e-value.ts';
import { buildRankCalibration, computeRank } from '../statistics/rank-calibration.ts';
import {
  advanceSequentialTest,
  computeLikelihoodRatio,
  computeOutcomeEValue,
  INITIAL_SEQUENTIAL_TEST,
} from '../statistics/sprt.ts';
import { computeQuantile, computeWilsonInterval } from '../statistics/statistics.ts';
import {
  advancePayeeTest,
  CHEAT_SHARES,
  computePayeeEvidence,
  INITIAL_PAYEE_TEST,
  type PayeeTestState,
} from './payee-test.ts';

const PARAMETERS = { soundness: 0.9, falsePositiveRate: 0.02, beta: 1e-3 };

/** Audits until ejection, or Infinity. */
function run(eValue: () => number, { beta, horizon }: { beta: number; horizon: number }): number {
  let state = INITIAL_PAYEE_TEST;
  for (let n = 1; n <= horizon; n++) {
    state = advancePayeeTest(state, { eValue: eValue(), isReject: false }, beta);
    if (state.ejected) return n;
  }
  return Infinity;
}

describe('payee test', () => {
  it('contains the plain test as the lane of a payee that always cheats, to the bit', () => {
    let binary = INITIAL_SEQUENTIAL_TEST;
    let payee = INITIAL_PAYEE_TEST;
    for (const outcome of ['accept', 'reject', 'accept', 'accept', 'reject', 'reject'] as const) {
      binary = advanceSequentialTest(binary, outcome, PARAMETERS);
      payee = advancePayeeTest(
        payee,
        { eValue: computeOutcomeEValue(outcome, PARAMETERS), isReject: outcome === 'reject' },
        1e-3,
      );
      expect(payee.evidence[CHEAT_SHARES.indexOf(1)]).toBe(binary.evidence);
      expect([payee.audits, payee.rejects]).toEqual([binary.audits, binary.rejects]);
    }
    expect(computeOutcomeEValue('inconclusive', PARAMETERS)).toBe(1);
  });

  it('is the mixture over shares and over the audit at which cheating began', () => {
    const eValues = [0.5, 3, 0.7, 20, 1];
    let state: PayeeTestState = INITIAL_PAYEE_TEST;
    for (const eValue of eValues) state = advancePayeeTest(state, { eValue, isReject: false }, 1e-9);
    const n = eValues.length;
    let mixture = 1 / (n + 1);
    for (const share of CHEAT_SHARES) {
      for (let k = 1; k <= n; k++) {
        const product = eValues.slice(k - 1).reduce((value, e) => value * (1 + share * (e - 1)), 1);
        mixture += product / (k * (k + 1)) / CHEAT_SHARES.length;
      }
    }
    expect(computePayeeEvidence(state)).toBeCloseTo(mixture, 12);
  });

  it('ejects an honest payee with probability at most beta over its life (Ville)', () => {
    const random = createSeededRandom(12);
    const lives = 3000;
    let ejected = 0;
    for (let i = 0; i < lives; i++) {
      // Expectation one: no slack is left that would keep the bound.
      const fair = (): number => 0.2 * (1 - random()) ** -0.8;
      if (run(fair, { beta: 0.02, horizon: 300 }) < Infinity) ejected++;
    }
    expect(computeWilsonInterval(ejected, lives, 3).low).toBeLessThan(0.02);
    expect(ejected).toBeGreaterThan(0);
  });

  it('keeps that bound if one table of few replies decides all audits', () => {
    const random = createSeededRandom(14);
    const tables = 150;
    let ejected = 0;
    for (let i = 0; i < tables; i++) {
      const calibration = buildRankCalibration(Array.from({ length: 100 }, () => drawNormal(random)));
      const eValue = (): number => calibrateRank(computeRank(calibration, drawNormal(random)), 100);
      if (run(eValue, { beta: 0.05, horizon: 1500 }) < Infinity) ejected++;
    }
    expect(computeWilsonInterval(ejected, tables, 3).low).toBeLessThan(0.05);
  });

  it('stays finite, latches, and refuses what is no e-value', () => {
    let state = INITIAL_PAYEE_TEST;
    for (let i = 0; i < 400; i++) state = advancePayeeTest(state, { eValue: 1e6, isReject: true }, 1e-3);
    expect(Number.isFinite(computePayeeEvidence(state))).toBe(true);
    expect(advancePayeeTest(state, { eValue: 0, isReject: false }, 1e-3).ejected).toBe(true);
    for (const eValue of [-1, Number.NaN, Infinity]) {
      expect(() => advancePayeeTest(state, { eValue, isReject: true }, 1e-3)).toThrow(RangeError);
    }
    expect(() => advancePayeeTest(state, { eValue: 1, isReject: true }, 1)).toThrow(RangeError);
  });
});

/** Counts audits until each test ejects. All tests make the same decisions. */
function race(share: number, seed: number, horizon: number) {
  const random = createSeededRandom(seed);
  const { soundness: s, falsePositiveRate: eps, beta } = PARAMETERS;
  const steps = { reject: Math.log(s / eps), accept: Math.log((1 - s) / (1 - eps)) };
  const caught = { plain: Infinity, cusum: Infinity, changePoint: Infinity, payee: Infinity };
  let plain = 0;
  let cusum = 0;
  let changePoint = INITIAL_SEQUENTIAL_TEST;
  let payee = INITIAL_PAYEE_TEST;
  for (let n = 1; n <= horizon; n++) {
    const outcome = random() < (random() < share ? s : eps) ? 'reject' : 'accept';
    plain += steps[outcome];
    // Reset at zero: no credit, and no lifetime bound. Its threshold equals that of the others.
    cusum = Math.max(0, cusum + steps[outcome]);
    changePoint = advanceSequentialTest(changePoint, outcome, PARAMETERS);
    const eValue = computeOutcomeEValue(outcome, PARAMETERS);
    payee = advancePayeeTest(payee, { eValue, isReject: outcome === 'reject' }, beta);
    if (plain >= Math.log(1 / beta)) caught.plain = Math.min(caught.plain, n);
    if (cusum >= Math.log(1 / beta)) caught.cusum = Math.min(caught.cusum, n);
    if (changePoint.ejected) caught.changePoint = Math.min(caught.changePoint, n);
    if (payee.ejected) caught.payee = Math.min(caught.payee, n);
  }
  return caught;
}

describe('intermittent cheats', () => {
  const median = (share: number, test: keyof ReturnType<typeof race>): number =>
    computeQuantile(
      Array.from({ length: 60 }, (_, i) => race(share, 100 + i, 2500)[test]),
      0.5,
    );

  it('escape the plain ratio for good, and are caught by the mixture over shares', () => {
    expect(median(0.05, 'plain')).toBe(Infinity);
    expect(median(0.1, 'plain')).toBe(Infinity);
    expect(median(0.05, 'payee')).toBeLessThan(1000);
    expect(median(0.1, 'payee')).toBeLessThan(250);
    expect(median(0.3, 'payee')).toBeLessThan(50);
    expect(median(0.1, 'payee')).toBeLessThan(median(0.1, 'changePoint'));
    expect(median(1, 'payee')).toBeLessThan(10);
  });

  it('are also caught by a CUSUM, which ejects honest payees in the end', () => {
    expect(median(0.3, 'cusum')).toBeLessThan(100);
    const lives = Array.from({ length: 60 }, (_, i) => race(0, 500 + i, 5000));
    const share = (test: keyof ReturnType<typeof race>): number =>
      lives.filter((life) => life[test] < Infinity).length / lives.length;
    expect(share('cusum')).toBeGreaterThan(0.1);
    expect(share('payee')).toBeLessThan(0.05);
    expect(share('changePoint')).toBeLessThan(0.05);
  });
});

describe('the unit of evidence', () => {
  it('is the reply: windows as separate trials break the bound, replies keep it', () => {
    const random = createSeededRandom(77);
    // Honest replies of 16 windows with common noise, as in measurements. Whole replies are drawn again.
    const drift = { positions: 512, replyScatter: 0.2, windowScatter: 0.1 };
    const pool = Array.from({ length: 400 }, () => [...createSyntheticEvidence(random, drift).windows]);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const eps = 0.05;
    const windowLimit = computeQuantile(pool.flat(), 1 - eps);
    const replyLimit = computeQuantile(pool.map(mean), 1 - eps);
    const parameters = { soundness: 0.9, falsePositiveRate: eps, beta: 0.05 };
    const lives = 300;
    const ejected = { windows: 0, replies: 0 };
    for (let life = 0; life < lives; life++) {
      let byWindow = INITIAL_SEQUENTIAL_TEST;
      let byReply = INITIAL_SEQUENTIAL_TEST;
      for (let n = 0; n < 60; n++) {
        const windows = pool[Math.floor(random() * pool.length)]!;
        for (const value of windows)
          byWindow = advanceSequentialTest(byWindow, value > windowLimit ? 'reject' : 'accept', parameters);
        byReply = advanceSequentialTest(byReply, mean(windows) > replyLimit ? 'reject' : 'accept', parameters);
      }
      if (byWindow.ejected) ejected.windows++;
      if (byReply.ejected) ejected.replies++;
    }
    expect(computeWilsonInterval(ejected.windows, lives, 3).low).toBeGreaterThan(0.5);
    expect(computeWilsonInterval(ejected.replies, lives, 3).low).toBeLessThan(parameters.beta);
    expect(computeLikelihoodRatio(INITIAL_SEQUENTIAL_TEST)).toBe(1);
  });
});
