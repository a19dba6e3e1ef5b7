import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../base/seeded-random.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { decodeDraws, decodeSketch, encodeDraws, encodeSketch } from '../commitment/window.ts';
import { TAIL_RANK } from '../sampling/sampler.ts';
import { type Comparison, compareWindows } from './compare.ts';
import { computeReplyScores, findLengthBand, LENGTH_BANDS, REPLY_SCORES, type ReplyScore } from './reply-scores.ts';

const reply = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 100,
});
const { header, opening } = reply;

/**
 * Creates a re-run that lies farther off from a window on: costs by up to `units` of 2^-16 nat, sketch values by up to `steps`.
 */
function drift({ units, steps, from = 0 }: { units: number; steps: number; from?: number }): WindowBytes[] {
  const random = createSeededRandom(5);
  const moved = (by: number): number => Math.round((random() * 2 - 1) * by);
  return opening.windows.map((window, index) => {
    if (index < from) return window;
    const { rows, runs } = decodeDraws(window.draws, header);
    const draws = rows.map((row) => ({
      ...row,
      tail: row.tail + units,
      q: row.q.map((q) => Math.max(0, q + moved(units))),
    }));
    const sketch = decodeSketch(window.sketch, { directions: header.sketchDirections }).map(({ exponent, values }) => ({
      exponent,
      values: values.map((v) => Math.max(-2047, Math.min(2047, v + moved(steps)))),
    }));
    return { draws: encodeDraws({ rows: draws, runs }, header), sketch: encodeSketch(sketch) };
  });
}
const compare = (windows: readonly WindowBytes[]): Comparison =>
  compareWindows(crypto, header, opening.windows, windows);
const score = (comparison: Comparison, name: ReplyScore): number =>
  computeReplyScores(comparison)[REPLY_SCORES.indexOf(name)]!;

describe('window scores', () => {
  it('are zero between equals, with logarithms at the floor', () => {
    const { windows, draws, positions } = compare(opening.windows);
    expect(windows.map((window) => window.positions)).toEqual([32, 32, 32, 4]);
    for (const { positions: _, entropy, surprise, logSketchDistance, logLogprobShift, ...rest } of windows) {
      const { logLogprobSpread, ...scores } = rest;
      expect(entropy).toBeGreaterThan(0);
      expect(surprise).toBeGreaterThan(0);
      expect(logLogprobSpread).toBeCloseTo(Math.log(2 ** -16), 12);
      expect(Object.values(scores).every((value) => value === 0)).toBe(true);
      expect(logSketchDistance).toBeCloseTo(Math.log(2 ** -16), 12);
      expect(logLogprobShift).toBeCloseTo(Math.log(2 ** -16), 12);
    }
    expect(draws.matches.reduce((a, b) => a + b)).toBe(positions);
    expect(draws.mismatches.reduce((a, b) => a + b)).toBe(0);
  });

  it('belong to their own window', () => {
    const { windows } = compare(drift({ units: 3000, steps: 60, from: 2 }));
    expect(windows.slice(0, 2).every((window) => window.sketchDistance === 0 && window.logprobShift === 0)).toBe(true);
    for (const window of windows.slice(2)) {
      for (const key of [
        'sketchDistance',
        'logprobShift',
        'totalVariation',
        'kolmogorov',
        'tailShift',
        'unequal',
      ] as const) {
        expect(window[key], key).toBeGreaterThan(0);
      }
    }
  });

  it('add up to the scores of the reply', () => {
    const comparison = compare(drift({ units: 3000, steps: 60 }));
    const mean = (of: (window: (typeof comparison.windows)[number]) => number): number =>
      comparison.windows.reduce((sum, window) => sum + of(window) * window.positions, 0) / comparison.positions;
    expect(mean((w) => w.sketchDistance)).toBeCloseTo(comparison.sketchDistance, 12);
    expect(mean((w) => w.totalVariation)).toBeCloseTo(comparison.totalVariation, 12);
    expect(mean((w) => w.drawMismatch)).toBeCloseTo(comparison.ownDrawMismatch, 12);
    expect(Math.max(...comparison.windows.map((w) => w.kolmogorov))).toBe(comparison.worstWindowKolmogorov);
    const mismatches = comparison.draws.mismatches.reduce((a, b) => a + b);
    expect(mismatches / comparison.positions).toBeCloseTo(comparison.ownDrawMismatch, 12);
    expect(comparison.draws.gaps.reduce((a, b) => a + b)).toBe(mismatches);
  });
});

describe('computeReplyScores', () => {
  it('grows in every score with the drift', () => {
    const near = compare(drift({ units: 40, steps: 2 }));
    const far = compare(drift({ units: 30_000, steps: 900 }));
    for (const name of REPLY_SCORES) {
      if (!['sketch-growth', 'omission', 'entropy', 'surprise', 'sketch-coherence'].includes(name))
        expect(score(far, name), name).toBeGreaterThanOrEqual(score(near, name));
    }
    for (const name of ['sketch-mean', 'sketch-log', 'sign', 'logprob-mean', 'kolmogorov', 'tail'] as const) {
      expect(score(far, name), name).toBeGreaterThan(score(near, name));
    }
  });

  it('separates differences in one direction from random ones, for any size', () => {
    const push = (stepsOf: (j: number, position: number) => number): number => {
      let position = 0;
      const windows = opening.windows.map(({ draws, sketch }) => ({
        draws,
        sketch: encodeSketch(
          decodeSketch(sketch, { directions: header.sketchDirections }).map(({ exponent, values }) => {
            const at = position++;
            return { exponent, values: values.map((v, j) => Math.max(-2047, Math.min(2047, v + stepsOf(j, at)))) };
          }),
        ),
      }));
      return Math.exp(score(compare(windows), 'sketch-coherence'));
    };
    const random = createSeededRandom(12);
    const anywhere = (steps: number): number => (random() < 0.5 ? -steps : steps);
    expect(push(() => 0)).toBeCloseTo(1, 4);
    expect(push((_, at) => (at === 7 ? 5 : 0))).toBeCloseTo(1, 4);
    for (const steps of [3, 40]) expect(push(() => anywhere(steps))).toBeLessThan(3);
    const oneWay = push((j) => (j % 3 === 0 ? -4 : 4));
    expect(oneWay).toBeGreaterThan(90);
    expect(oneWay).toBeLessThanOrEqual(100.001);
    // Half of it, under noise of the same size.
    expect(push((j) => (j % 3 === 0 ? -4 : 4) + anywhere(4))).toBeGreaterThan(40);
    // One position far off does not hide it.
    expect(push((j, at) => (at === 50 ? anywhere(1500) : j % 3 === 0 ? -4 : 4))).toBeGreaterThan(85);
  });

  it('measures the surprise of the text in the re-run', () => {
    const rows = opening.windows.flatMap(({ draws }) => decodeDraws(draws, header).rows);
    const costs = rows.map(({ rank, q, tailQ }) => (rank === TAIL_RANK ? tailQ! : q[rank]!));
    expect(costs.some((_, i) => rows[i]!.rank === TAIL_RANK)).toBe(true);
    const nats = costs.reduce((sum, cost) => sum + cost, 0) / 65_536 / costs.length;
    expect(score(compare(opening.windows), 'surprise')).toBeCloseTo(nats, 9);
    const comparison = compare(opening.windows);
    const windows = comparison.windows.map((window) => ({ ...window, surprise: 200 }));
    expect(score({ ...comparison, windows }, 'surprise')).toBe(64);
  });

  it('shows one bad window in the worst score, and in the growth if it is late', () => {
    const bad = compare(drift({ units: 20_000, steps: 600, from: 2 }));
    const even = compare(drift({ units: 20_000, steps: 600 }));
    const ratio = (comparison: Comparison): number =>
      score(comparison, 'sketch-worst') - score(comparison, 'sketch-mean');
    expect(ratio(bad)).toBeGreaterThan(ratio(even) + 0.5);
    expect(score(bad, 'sketch-growth')).toBeGreaterThan(2);
    expect(Math.abs(score(even, 'sketch-growth'))).toBeLessThan(0.5);
  });

  it('is finite between equals and for a re-run without information, and refuses NaN', () => {
    expect([...computeReplyScores(compare(opening.windows))].every(Number.isFinite)).toBe(true);
    const blank = opening.windows.map((window) => ({
      draws: window.draws,
      sketch: encodeSketch(
        decodeSketch(window.sketch, { directions: header.sketchDirections }).map(({ values }) => ({
          exponent: -127,
          values: values.map(() => 0),
        })),
      ),
    }));
    expect([...computeReplyScores(compare(blank))].every(Number.isFinite)).toBe(true);
    const comparison = compare(opening.windows);
    const broken = { ...comparison, windows: [{ ...comparison.windows[0]!, totalVariation: Number.NaN }] };
    expect(() => computeReplyScores(broken)).toThrow(RangeError);
    expect(() => computeReplyScores({ ...comparison, windows: [] })).toThrow(RangeError);
  });
});

describe('findLengthBand', () => {
  it('puts every length into one band', () => {
    expect([1, 16, 17, 128, 129, 4096, 4097].map(findLengthBand)).toEqual([0, 0, 1, 3, 4, 7, 8]);
    expect(LENGTH_BANDS.length).toBe(8);
  });
});
