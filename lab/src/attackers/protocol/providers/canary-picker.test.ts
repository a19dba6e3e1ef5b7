import { expect, it } from 'vitest';
import { canaryPicker } from './canary-picker.ts';

it.each([1, 2])('a provider cannot tell canaries from traffic (seed %i)', async (seed) => {
  const { traffic, canaries, tells } = await canaryPicker.play({ seed, epochs: 120, canaries: 'as built' });
  expect(Math.min(traffic, canaries)).toBeGreaterThan(80);
  expect(tells).toEqual([]);
});

it('it would tell canaries that are sent as probes are', async () => {
  const { tells } = await canaryPicker.play({ seed: 1, epochs: 30, canaries: 'careless' });
  expect(tells).toEqual(expect.arrayContaining(['bodyBytes', 'maxTokens', 'promptBound', 'isAlone']));
  // Their times and nonces give nothing away, however they are sent.
  for (const name of ['atMs', 'gapMs', 'nonceFirst', 'replyFirst']) expect(tells).not.toContain(name);
});
