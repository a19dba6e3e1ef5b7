import { expect, it } from 'vitest';
import { emptyParts } from './empty-parts.ts';

it('a provider that sends parts that show nothing is given up as one that says nothing', async () => {
  const { sent, ...outcome } = await emptyParts.play(undefined);
  expect(sent).toBeGreaterThan(0);
  expect(outcome).toEqual({ taken: 0, ended: 'provider_timeout' });
});
