import { LENT_ROWS } from '@ogong/provider/shard/lent-work';
import { expect, it } from 'vitest';
import { unrecordedCohort } from './unrecorded-cohort.ts';

it('a leader that never sends a record gets a fixed number of rows', async () => {
  const { rows, refusals } = await unrecordedCohort.play();
  expect(rows).toBeGreaterThanOrEqual(LENT_ROWS);
  expect(rows).toBeLessThan(LENT_ROWS + 512);
  expect(new Set(refusals).size).toBe(1);
  expect(refusals[0]).toMatch(/in no record yet/);
});
