import { describe, expect, it } from 'vitest';
import type { SegmentEngine, SegmentPass } from '../../interface/segment.ts';
import { proveSegment } from './segment-probe.ts';

const CLASS = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';

/** A segment whose rows are running sums of its input; an error is added to the values of some passes. */
function createSums(errorOf: (pass: SegmentPass) => number, sequences = 4): SegmentEngine {
  const sums = Array.from({ length: sequences }, () => [0, 0]);
  const info = {
    ...({ place: 'interior', layers: 1, embeddingSize: 2, vocabularySize: 0, contextSize: 128, sequences } as const),
    ...{ passRows: 96, numericClass: CLASS, canDropPositions: true },
  };
  return {
    info: () => info,
    async run(pass) {
      const rows = new Float32Array(pass.input.length);
      pass.groups.forEach(({ sequence, rows: count }, at) => {
        const sum = sums[sequence] as number[];
        for (let i = 2 * at * count; i < 2 * (at + 1) * count; i++) {
          sum[i % 2] = (sum[i % 2] as number) + (pass.input[i] as number);
          rows[i] = (sum[i % 2] as number) + errorOf(pass);
        }
      });
      return { kind: 'rows', rows };
    },
    async drop(sequence) {
      sums[sequence] = [0, 0];
    },
    close: async () => undefined,
  };
}

describe('the class of a segment', () => {
  it.each([1, 2, 4])('is exact if steps of %s sequences equal a pass that runs them again', async (sequences) => {
    const proven = await proveSegment(createSums(() => 0, sequences));
    expect(proven.info().numericClass).toBe(CLASS);
    const input = Float32Array.of(1, 2);
    const { rows } = (await proven.run({
      kind: 'step',
      groups: [{ sequence: 0, position: 0, rows: 1 }],
      input,
    })) as never;
    expect(rows).toEqual(input);
  });

  it.each<[string, (pass: SegmentPass) => number]>([
    ['of steps differ', ({ kind }) => (kind === 'step' ? 1e-3 : 0)],
    ['of one sequence alone differ', ({ kind, groups }) => (kind === 'step' && groups.length === 1 ? 1e-3 : 0)],
    ['depend on the sequences beside it', ({ groups }) => (groups.length === 3 ? 1e-3 : 0)],
    ['of the second sequence differ', ({ groups }) => (groups[0]?.sequence === 1 ? 1e-3 : 0)],
  ])('is unproven if rows %s', async (_how, errorOf) => {
    const { numericClass } = (await proveSegment(createSums(errorOf))).info();
    expect(numericClass).not.toBe(CLASS);
    expect(numericClass).toContain('unproven');
  });
});
