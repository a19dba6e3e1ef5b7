import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import type { RankedReply } from './detector.ts';
import type { JudgedReply } from './load.ts';
import {
  measureBeyond,
  measureEjection,
  measureNaiveEjection,
  measurePlain,
  measureServed,
  measureSettings,
} from './measure-ejection.ts';
import { createJudged } from './synthetic-judged.ts';

const random = createSeededRandom(11);
const normal = (): number => Array.from({ length: 12 }, random).reduce((a, b) => a + b) - 6;
const options = { lifetimes: 400, replies: 100, beta: 0.01, seed: 5 };

const judgedAs = (eValues: readonly number[]): RankedReply[] =>
  eValues.map((eValue, seed) => createJudged({ seed, eValue }));

describe('honest lifetimes', () => {
  it('end far more often if windows of a reply wrongly count as independent', () => {
    const replies = (shared: number): Float64Array[] =>
      Array.from({ length: 500 }, () => {
        const common = shared * normal();
        return Float64Array.from({ length: 4 }, () => common + Math.sqrt(1 - shared ** 2) * normal());
      });
    const scale = (list: Float64Array[]) => list.map((reply) => reply.map((value) => 0.3 * value));
    expect(measureNaiveEjection(scale(replies(0.9)), options).ejected.value).toBeGreaterThan(0.02);
    expect(measureNaiveEjection(scale(replies(0)), options).ejected.value).toBeLessThan(0.02);
  });

  it('end according to the evidence of the replies', () => {
    const end = (...eValues: number[]): number =>
      measureEjection('hot text', [judgedAs(eValues)], options).ejected.value;
    expect(end(0.9)).toBe(0);
    expect(end(3)).toBe(1);
    // A fair bet, so ejections stay within beta: one reply in a hundred gains what the others lose.
    const fair = end(50, ...Array<number>(99).fill(50 / 99));
    expect(fair).toBeLessThanOrEqual(0.01);
    // The other table decides about half of all lives.
    const apart = measureEjection('two', [judgedAs([0.9]), judgedAs([3]), []], options);
    expect(apart.ejected).toMatchObject({ value: 0.5, of: options.lifetimes });
    expect(end(200, ...Array<number>(99).fill(50 / 99))).toBeGreaterThan(0.01);
  });
});

it('replies in the order served may end a life that redrawn replies do not', () => {
  const [calm, streak] = [Array<number>(200).fill(0.99), Array<number>(9).fill(10)];
  expect(measureServed('honest', [judgedAs(calm), judgedAs(calm), []], 1e-3)).toMatchObject({
    ...{ test: 'honest, as served', lifetimes: 2, replies: 400, ejected: { value: 0, of: 2 } },
  });
  expect(measureServed('honest', [judgedAs(calm), judgedAs([...streak, ...calm])], 1e-3).ejected.value).toBe(0.5);
  // Calibrated on average, but the streak ejects. Redrawn one by one, the same replies would not.
  const mixed = judgedAs([...streak, ...Array<number>(991).fill(0.9)]);
  expect(measureServed('honest', [mixed], 1e-3).ejected.value).toBe(1);
  expect(measureEjection('honest', [mixed], { ...options, beta: 1e-3 }).ejected.value).toBeLessThan(0.05);
});

it('counts honest replies that checks without statistics reject separately', () => {
  const replies = [undefined, 'tail-place', undefined, undefined].map(
    (plain, seed) => ({ seed, plain, scored: {} }) as unknown as JudgedReply,
  );
  expect(measurePlain(replies)).toMatchObject({ replies: 4, ejected: { value: 0.25 } });
});

it('counts replies at high temperatures separately', () => {
  const replies = [0, 0.8, 1.2, 1.3, 2, 2].map((temperature, seed) => ({ seed, temperature }) as JudgedReply);
  const judge = (given: readonly JudgedReply[]) =>
    [
      given.map(({ seed, temperature }) => createJudged({ seed, pValue: temperature === 2 ? 0.005 : 0.5 })),
      [],
    ] as const;
  const rows = measureSettings(replies, { judgeHonest: judge });
  expect(rows.map(({ replies: count, ejected }) => [count, ejected.value])).toEqual([
    [6, 2 / 6],
    [3, 2 / 3],
    [0, 0],
  ]);
});

it('judges replies past the context of the rows by fixed limits, and counts what rows would have said', () => {
  const contexts = [100, 200, 201, 300, 400];
  const replies = contexts.map((context, seed) => {
    const whole = { positions: 64, context };
    return { seed, scored: { whole, fallback: context === 400 ? 'reject' : 'accept' } } as unknown as JudgedReply;
  });
  const rows = measureBeyond(replies, {
    covers: ({ context }) => context <= 200,
    judgeBeyond: ({ seed, evidence }) => createJudged({ seed, pValue: evidence.context >= 300 ? 0.001 : 0.5 }),
  });
  expect(rows.map(({ replies: count, ejected }) => [count, ejected.value])).toEqual([
    [3, 2 / 3],
    [3, 1 / 3],
  ]);
});
