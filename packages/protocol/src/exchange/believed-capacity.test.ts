import { expect, it } from 'vitest';
import vectors from '../../vectors/reputation.json' with { type: 'json' };
import { computeBelievedCapacity } from './believed-capacity.ts';

it('halves announced slots with each refusal of the caller itself', () => {
  const after = (own: number) => computeBelievedCapacity(100, { own, others: [] });
  expect([0, 1, 2, 6, 7].map(after)).toEqual([100, 50, 25, 1, 0]);
});

it('believes other callers only if most of them were refused, and never one or two alone', () => {
  const after = (...others: readonly number[]) => computeBelievedCapacity(8, { own: 0, others });
  expect(after(9)).toBe(8);
  expect(after(9, 0)).toBe(8);
  expect(after(9, 9)).toBe(0);
  expect(after(9, 9, 0, 0)).toBe(8);
  expect(after(1, 9, 0)).toBe(4);
  expect(after(0, 0, 0, 3, 3)).toBe(8);
});

it('matches the vectors', () => {
  expect(vectors.capacities.length).toBeGreaterThan(3);
  for (const { capacity, own, others, believed } of vectors.capacities) {
    expect(computeBelievedCapacity(capacity, { own, others })).toBe(believed);
  }
});
