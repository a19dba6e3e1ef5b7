import { expect, it } from 'vitest';
import { falseSightings } from './false-sightings.ts';

it('a report with a test that was not drawn counts for nothing, whatever its stake', async () => {
  const outcome = await falseSightings.play({ honest: [20n], liar: 80n, lies: 'chosen' });
  expect(outcome).toMatchObject({ livenessPpm: 1_000_000, laterPpm: 1_000_000 });
  expect(outcome.refused).toContain('was not drawn in epoch');
});

it('with more than half of the stake it lowers any rival: honest stake must prevent that', async () => {
  const { livenessPpm } = await falseSightings.play({ honest: [20n, 20n], liar: 60n, lies: 'drawn' });
  expect(livenessPpm).toBe(62_500);
});
