import { expect, it } from 'vitest';
import { trickledBlobs } from './trickled-blobs.ts';

it('a provider that trickles its blobs leaves the openings of others to their audits', async () => {
  const { honest, tookMs } = await trickledBlobs.play();
  expect(honest.map(({ verdict }) => verdict)).toEqual(Array(4).fill('accept'));
  expect(tookMs).toBeLessThan(600_000);
});
