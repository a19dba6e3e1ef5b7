import { expect, it } from 'vitest';
import type { AttackRow } from '../results.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { listBeside } from './first-measurement.ts';

it('what was measured first stands beside what is measured now, and nothing that is not', () => {
  const [row] = createSyntheticResults().attacks as [AttackRow];
  const caught = { value: 0.66, low: 0.5, high: 0.8, of: 70 };
  const now: AttackRow = {
    ...{ ...row, attack: 'weights-noise-1e-3', weights: 'q8_0' },
    perWindow: [
      { falseRejectRate: 1e-4, caught: { ...caught, value: 0.1 }, extrapolated: true },
      { falseRejectRate: 1e-3, caught, extrapolated: false },
    ],
    tokensToDecide: { median: 128, p90: 192 },
  };
  expect(listBeside({ attacks: [row, now] })).toEqual([
    { attack: 'weights-noise-1e-3', weights: 'q8_0', caught: '39 % → 66 %', tokens: '867 → 128', passes: '' },
  ]);
  expect(listBeside({ attacks: [{ ...now, perWindow: [], tokensToDecide: undefined }] })).toMatchObject([
    { caught: '39 % → not measured', tokens: '867 → not reached' },
  ]);
});
