import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PPM } from '../exchange/reputation.ts';
import {
  type AuditableReply,
  computeDeterredSaving,
  computeDeterringCoverage,
  computeRobustZ,
  computeSpeedZ,
  measureSoundness,
  planAudits,
  type Stakes,
} from './audit-plan.ts';

const ppm = fc.integer({ min: 0, max: PPM });
const amount = fc.bigInt({ min: 0n, max: 10n ** 15n });
const stakes: fc.Arbitrary<Stakes> = fc.record({
  soundnessPpm: ppm,
  falsePositivePpm: ppm,
  feeAtomic: amount,
  franchiseAtomic: amount,
});

describe('Proposition 1', () => {
  it('is the coverage at which cheating stops to pay, to the unit', () => {
    // alpha* = 30 / (0.88 * 100): the whitepaper's s = 0.9, eps = 0.02.
    const paper = { soundnessPpm: 900_000, falsePositivePpm: 20_000, feeAtomic: 100n, franchiseAtomic: 0n };
    expect(computeDeterringCoverage(paper, 30n)).toBe(Math.ceil((30 / 88) * PPM));
    expect(computeDeterringCoverage({ ...paper, franchiseAtomic: 900n }, 30n)).toBe(Math.ceil((30 / 880) * PPM));
    expect(computeDeterringCoverage(paper, 89n)).toBeUndefined();
    expect(computeDeterringCoverage(paper, 88n)).toBe(PPM);
    expect(computeDeterringCoverage({ ...paper, soundnessPpm: 20_000 }, 1n)).toBeUndefined();
    expect(computeDeterredSaving(paper, 250_000)).toBe(22n);
    expect(computeDeterringCoverage(paper, 0n)).toBe(0);
  });

  it('inverts each function by the other', () => {
    fc.assert(
      fc.property(stakes, amount, (each, saving) => {
        const coverage = computeDeterringCoverage(each, saving);
        if (coverage === undefined) {
          expect(computeDeterredSaving(each, PPM)).toBeLessThan(saving);
          return;
        }
        expect(computeDeterredSaving(each, coverage)).toBeGreaterThanOrEqual(saving);
        if (coverage > 0) expect(computeDeterredSaving(each, coverage - 1)).toBeLessThan(saving);
      }),
      { seed: 51 },
    );
  });

  it('moves as Remark 2 says', () => {
    fc.assert(
      fc.property(stakes, amount, fc.bigInt({ min: 0n, max: 1000n }), (each, saving, more) => {
        const of = (changed: Partial<Stakes>, by = 0n): number =>
          computeDeterringCoverage({ ...each, ...changed }, saving + by) ?? Infinity;
        expect(of({}, more)).toBeGreaterThanOrEqual(of({}));
        expect(of({ feeAtomic: each.feeAtomic + more })).toBeLessThanOrEqual(of({}));
        expect(of({ soundnessPpm: Math.min(PPM, each.soundnessPpm + Number(more)) })).toBeLessThanOrEqual(of({}));
        expect(of({ falsePositivePpm: Math.min(PPM, each.falsePositivePpm + Number(more)) })).toBeGreaterThanOrEqual(
          of({}),
        );
      }),
      { seed: 52 },
    );
  });

  it('takes the lower limit of the measurement of a row', () => {
    const row = {
      power: [
        { name: 'q4', replies: 100, caught: [100, 100, 90, 0] },
        { name: 'unseen', replies: 0, caught: [0, 0, 0, 0] },
      ],
    };
    const [only, ...rest] = measureSoundness(row, 0.001);
    expect(rest).toEqual([]);
    expect(only).toMatchObject({ name: 'q4', falsePositivePpm: 1000 });
    expect(only?.soundnessPpm).toBeLessThan(900_000);
    expect(only?.soundnessPpm).toBeGreaterThan(800_000);
    expect(() => measureSoundness(row, 0.002)).toThrow(RangeError);
    expect(() =>
      computeDeterredSaving({ soundnessPpm: -1, falsePositivePpm: 0, feeAtomic: 1n, franchiseAtomic: 0n }, 1),
    ).toThrow(RangeError);
  });
});

const ordinary: AuditableReply = {
  tokens: 200,
  feeAtomic: 1000n,
  model: 'm',
  speed: 50,
  payeeAudits: 100,
  payeeEvidence: 0.2,
};
const crowd = (count: number): AuditableReply[] =>
  Array.from({ length: count }, (_, i) => ({ ...ordinary, speed: 45 + (i % 11) }));
const reply: fc.Arbitrary<AuditableReply> = fc.record({
  tokens: fc.integer({ min: 1, max: 8000 }),
  feeAtomic: fc.bigInt({ min: 0n, max: 10n ** 9n }),
  model: fc.constantFrom('a', 'b'),
  speed: fc.double({ min: 0.1, max: 1000, noNaN: true }),
  payeeAudits: fc.integer({ min: 0, max: 50 }),
  payeeEvidence: fc.double({ min: 0, max: 1e6, noNaN: true }),
});
const cost = (replies: readonly AuditableReply[], plan: readonly number[]): number =>
  replies.reduce((sum, { tokens }, i) => sum + (tokens * plan[i]!) / PPM, 0);

describe('planAudits', () => {
  it('leaves ordinary replies at base coverage', () => {
    expect(planAudits(crowd(50), { basePpm: 100_000, tokens: 10_000 })).toEqual(crowd(50).map(() => 100_000));
  });

  it.each([
    ['fast', { speed: 200 }],
    ['fast where it does not know that it is tested', { testedZ: 6 }],
    ['new', { payeeAudits: 0 }],
    ['dear', { feeAtomic: 9000n }],
    ['doubtful', { payeeEvidence: 20 }],
  ])('raises the coverage of a reply that is %s, and of no other', (_, change) => {
    const replies = [...crowd(50), { ...ordinary, ...change }];
    const plan = planAudits(replies, { basePpm: 50_000, tokens: 100_000 });
    expect(plan[50]).toBeGreaterThan(100_000);
    expect(plan.slice(0, 50)).toEqual(crowd(50).map(() => 50_000));
  });

  it('compares speeds within a model, with a measure that a few cheats cannot move', () => {
    const slow = Array.from({ length: 20 }, (_, i) => ({ ...ordinary, model: 'large', speed: 5 + (i % 3) * 0.3 }));
    const cheats = [50, 55, 60].map((speed) => ({ ...ordinary, model: 'large', speed }));
    const plan = planAudits([...crowd(50), ...slow, ...cheats], { basePpm: 10_000, tokens: 1_000_000 });
    expect(plan.slice(0, 70).every((coverage) => coverage === 10_000)).toBe(true);
    expect(plan.slice(70).every((coverage) => coverage > 100_000)).toBe(true);
    expect(computeRobustZ(9, [1, 1, 1, 1])).toBe(0);
  });

  it('takes the larger deviation: the speed of the reply or the speed in tests of its provider', () => {
    const plan = (change: Partial<AuditableReply>) =>
      planAudits([...crowd(50), { ...ordinary, ...change }], { basePpm: 10_000, tokens: 1_000_000 })[50];
    const z = computeSpeedZ(
      200,
      [...crowd(50), { speed: 200 }].map(({ speed }) => speed),
    );
    expect(plan({ speed: 200 })).toBeGreaterThan(10_000);
    expect(plan({ speed: 200, testedZ: -z })).toBe(plan({ speed: 200 }));
    expect(plan({ speed: 50, testedZ: z })).toBe(plan({ speed: 200 }));
    // As for replies, deviations up to three do not count.
    expect(plan({ speed: 50, testedZ: 3 })).toBe(10_000);
  });

  it('never falls below base, respects the budget beyond it, and does not depend on order', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { maxLength: 30 }),
        ppm,
        fc.integer({ min: 0, max: 100_000 }),
        (replies, basePpm, tokens) => {
          const plan = planAudits(replies, { basePpm, tokens });
          expect(plan.every((coverage) => Number.isInteger(coverage) && coverage >= basePpm && coverage <= PPM)).toBe(
            true,
          );
          const base = cost(
            replies,
            replies.map(() => basePpm),
          );
          expect(cost(replies, plan)).toBeLessThanOrEqual(Math.max(base, tokens) * (1 + 1e-12));
          expect(planAudits([...replies].reverse(), { basePpm, tokens })).toEqual([...plan].reverse());
        },
      ),
      { seed: 53 },
    );
  });

  it('never gives less for a larger budget or for stronger reasons', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { minLength: 1, maxLength: 20 }),
        ppm,
        fc.nat(50_000),
        fc.nat(50_000),
        (replies, basePpm, tokens, more) => {
          const plan = planAudits(replies, { basePpm, tokens });
          const richer = planAudits(replies, { basePpm, tokens: tokens + more });
          expect(richer.every((coverage, i) => coverage >= plan[i]!)).toBe(true);
          const first = replies[0]!;
          const worse = [{ ...first, payeeEvidence: first.payeeEvidence * 2 + 1, payeeAudits: 0 }, ...replies.slice(1)];
          expect(planAudits(worse, { basePpm, tokens })[0]).toBeGreaterThanOrEqual(plan[0]!);
        },
      ),
      { seed: 54 },
    );
  });

  it('refuses invalid replies', () => {
    for (const broken of [
      { tokens: 0 },
      { speed: 0 },
      { speed: Infinity },
      { testedZ: Number.NaN },
      { feeAtomic: -1n },
      { payeeEvidence: Number.NaN },
      { payeeAudits: -1 },
    ]) {
      expect(() => planAudits([{ ...ordinary, ...broken }], { basePpm: 1, tokens: 1 })).toThrow(RangeError);
    }
    expect(() => planAudits([], { basePpm: -1, tokens: 1 })).toThrow(RangeError);
    expect(planAudits([], { basePpm: 1, tokens: 1 })).toEqual([]);
  });
});
