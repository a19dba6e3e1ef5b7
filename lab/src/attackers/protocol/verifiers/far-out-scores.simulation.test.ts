import { expect, it } from 'vitest';
import { farOutScores } from './far-out-scores.ts';

it('one verifier of three whose scores are always far off brings nothing against an honest provider', async () => {
  const { entries, lies, evidence } = await farOutScores.play({ replies: 30 });
  expect(entries.map(({ verdict }) => verdict)).toEqual(Array(30).fill('accept'));
  expect(lies).toBeGreaterThan(5);
  expect(Math.max(...entries.map(({ eValuePpm }) => eValuePpm))).toBeLessThanOrEqual(1_000_000);
  expect(evidence).toBeLessThan(1);
});
