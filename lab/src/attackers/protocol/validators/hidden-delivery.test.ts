import { expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { hiddenDelivery } from './hidden-delivery.ts';

it.each([
  [1, false],
  [1, true],
  [3, false],
])('settles nothing where the consumer reached %s other validator(s) (restart: %s)', async (heardBy, isRestarted) => {
  const breaks = createBreaks();
  expect(await hiddenDelivery.play({ heardBy }, isRestarted ? breaks : undefined)).toEqual({
    heard: ['heard'],
    refusals: [expect.stringContaining('not about the record that the payer has')],
    settled: 0,
    drawnAtomic: 0n,
  });
  breaks.end();
});

it('is paid where the consumer told nobody else', async () => {
  const { settled, drawnAtomic } = await hiddenDelivery.play({ heardBy: 0 });
  expect([settled, drawnAtomic]).toEqual([1, 86_000n]);
});
