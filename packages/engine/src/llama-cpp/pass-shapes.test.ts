import {
  isShapeClass,
  NARROW,
  SHAPE_BAND,
  type ShapeClass,
  SINGLE,
  WIDE,
} from '@ogong/protocol/modality/text/commitment/shape-classes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bandOf, planPasses, ROWS_OF, type ShapedRow } from './pass-shapes.ts';

const row = (sequence: number, position: number, shapeClass?: ShapeClass): ShapedRow => ({
  token: 5,
  position,
  sequence,
  shapeClass,
});
const steps = (...at: [sequence: number, position: number][]) => at.map(([s, p]) => row(s, p));
const describePass = ({ shapeClass, segments }: ReturnType<typeof planPasses>[number]) =>
  [
    shapeClass,
    segments.map(({ sequence, first, count, before, behind }) => [sequence, before, first, count, behind]),
  ] as const;

describe('planPasses', () => {
  it.each([
    ['one alone, wide', steps([0, 10]), 'wide', [[WIDE, [[0, 0, 10, 1, 8]]]]],
    ['one alone, mixed', steps([0, 10]), 'mixed', [[NARROW, [[0, 0, 10, 1, 1]]]]],
    [
      'three, wide',
      steps([0, 1], [1, 2], [2, 3]),
      'wide',
      [
        [
          WIDE,
          [
            [0, 0, 1, 1, 2],
            [1, 0, 2, 1, 2],
            [2, 0, 3, 1, 2],
          ],
        ],
      ],
    ],
    [
      'a gap',
      steps([0, 1], [2, 3]),
      'mixed',
      [
        [NARROW, [[0, 0, 1, 1, 1]]],
        [NARROW, [[2, 0, 3, 1, 1]]],
      ],
    ],
    [
      'two bands',
      steps([0, 1], [1, 300]),
      'mixed',
      [
        [NARROW, [[0, 0, 1, 1, 1]]],
        [NARROW, [[1, 0, 300, 1, 1]]],
      ],
    ],
    ['near the edge', steps([0, 240]), 'mixed', [[WIDE, [[0, 0, 240, 1, 8]]]]],
    ['at the edge', steps([0, 255]), 'wide', [[WIDE, [[0, 8, 255, 1, 0]]]]],
    ['just behind it', steps([0, 256]), 'wide', [[WIDE, [[0, 0, 256, 1, 8]]]]],
    ['one alone, single', steps([0, 10]), 'single', [[SINGLE, [[0, 0, 10, 1, 0]]]]],
    ['at the edge, single', steps([0, 255]), 'single', [[SINGLE, [[0, 0, 255, 1, 0]]]]],
    [
      'three, single',
      steps([0, 1], [1, 2], [3, 300]),
      'single',
      [
        [SINGLE, [[0, 0, 1, 1, 0]]],
        [SINGLE, [[1, 0, 2, 1, 0]]],
        [SINGLE, [[3, 0, 300, 1, 0]]],
      ],
    ],
  ] as const)('%s', (_, rows, policy, passes) => {
    expect(planPasses(rows, policy).map(describePass)).toEqual(passes);
  });

  it('steps five sequences and more wide, where two narrow passes would do no better', () => {
    const five = steps([0, 1], [1, 1], [2, 1], [3, 1], [4, 1]);
    expect(planPasses(five, 'mixed').map(({ shapeClass }) => shapeClass)).toEqual([WIDE]);
  });

  it('cuts a prompt at its bands and into passes of 31 rows, and a narrow run into eights', () => {
    const prompt = Array.from({ length: 300 }, (_, i) => row(0, i));
    expect(planPasses(prompt, 'mixed').map(describePass)).toEqual([
      ...Array.from({ length: 8 }, (_, i) => [WIDE, [[0, 0, 31 * i, 31, 0]]]),
      [WIDE, [[0, 1, 248, 8, 0]]],
      [WIDE, [[0, 0, 256, 31, 0]]],
      [WIDE, [[0, 0, 287, 13, 0]]],
    ]);
    const twenty = Array.from({ length: 20 }, (_, sequence) => row(sequence, 5));
    expect(planPasses(twenty, 'wide').map(({ segments }) => segments.length)).toEqual([15, 5]);
    const run = Array.from({ length: 17 }, (_, i) => row(0, i, NARROW));
    expect(planPasses(run, 'wide').map(describePass)).toEqual([
      [NARROW, [[0, 0, 0, 8, 0]]],
      [NARROW, [[0, 0, 8, 8, 0]]],
      [NARROW, [[0, 0, 16, 1, 1]]],
    ]);
    const alone = Array.from({ length: 3 }, (_, i) => row(0, i, SINGLE));
    expect(planPasses(alone, 'wide').map(describePass)).toEqual([0, 1, 2].map((i) => [SINGLE, [[0, 0, i, 1, 0]]]));
  });

  it('takes rows of one sequence that asked for no class wide: only steps are single or narrow', () => {
    const run = Array.from({ length: 12 }, (_, i) => row(0, i));
    for (const policy of ['mixed', 'single'] as const)
      expect(planPasses(run, policy).map(describePass)).toEqual([[WIDE, [[0, 0, 0, 12, 0]]]]);
  });

  it('keeps every pass in its class and band, and every row in one pass', () => {
    const rows = fc
      .array(
        fc.record({
          gap: fc.integer({ min: 1, max: 3 }),
          position: fc.nat({ max: 700 }),
          count: fc.integer({ min: 1, max: 40 }),
          asked: fc.constantFrom(undefined, NARROW, WIDE, SINGLE),
        }),
        { minLength: 1, maxLength: 9 },
      )
      .map((parts) => {
        let sequence = -1;
        return parts.flatMap(({ gap, position, count, asked }) => {
          sequence += gap;
          return Array.from({ length: count }, (_, i) => row(sequence, position + i, asked as never));
        });
      });
    fc.assert(
      fc.property(rows, fc.constantFrom('wide', 'mixed', 'single'), (planned, policy) => {
        const passes = planPasses(planned, policy);
        const seen: number[] = [];
        for (const { shapeClass, segments } of passes) {
          expect(isShapeClass(shapeClass)).toBe(true);
          const counts = segments.map(({ before, count, behind }) => before + count + behind);
          const total = counts.reduce((sum, count) => sum + count, 0);
          expect(total).toBeGreaterThanOrEqual(ROWS_OF[shapeClass].least);
          expect(total).toBeLessThanOrEqual(ROWS_OF[shapeClass].most);
          // llama.cpp keeps sequences together only where each brings as many rows as the others.
          expect(new Set(counts).size).toBe(1);
          expect(counts[0]).toBeGreaterThanOrEqual(shapeClass === SINGLE ? 1 : 2);
          const bands = segments.flatMap(({ first, before, count, behind }) => [
            bandOf(first - before),
            bandOf(first + count + behind - 1),
          ]);
          expect(new Set(bands).size).toBe(1);
          for (const { index, count, first, sequence } of segments) {
            for (let i = 0; i < count; i++) {
              seen.push(index + i);
              expect(planned[index + i]).toMatchObject({ sequence, position: first + i });
            }
          }
        }
        expect(seen).toEqual(planned.map((_, i) => i));
      }),
      { seed: 20261120, numRuns: 300 },
    );
    expect(SHAPE_BAND % 16).toBe(0);
  });
});
