import { expect, it } from 'vitest';
import { type FigureLie, figureLiar } from './figure-liar.ts';

const REQUESTS = 400;
const play = (lie: FigureLie) => figureLiar.play({ lie, requests: REQUESTS });

it('by the figures that were measured, a slow provider is drawn once in a hundred times', async () => {
  const { won, taken, reasons } = await play('none');
  expect({ taken, reasons }).toEqual({ taken: REQUESTS, reasons: [] });
  expect(won).toBeLessThan(REQUESTS / 50);
});

it.each<[FigureLie, RegExp]>([
  ['friend', /does not replay: the figures of the list give another provider/],
  ['own figures', /does not replay: the figures of the list give another provider/],
  ['dear', /above the highest price/],
])('a router that lies so (%s) wins nothing, and each lie is evidence', async (lie, why) => {
  const honest = await play('none');
  const { won, taken, reasons, evidence } = await play(lie);
  // An honest router would have drawn the tickets that the gateway takes as well.
  expect(won).toBeLessThanOrEqual(honest.won);
  expect(evidence).toBe(REQUESTS - taken);
  expect(evidence).toBeGreaterThan(0);
  expect(reasons).toEqual([expect.stringMatching(why)]);
});

it('one that draws as if nobody had asked for anything gets no request', async () => {
  const { taken, reasons } = await play('deaf');
  expect({ taken, reasons }).toEqual({ taken: 0, reasons: [expect.stringMatching(/by none, and latency was asked/)] });
});

it('figures that nobody measured win what a fast provider would, signed for by the router: it works', async () => {
  const { won, taken, evidence } = await play('measured');
  expect({ taken, evidence }).toEqual({ taken: REQUESTS, evidence: 0 });
  // Its three rivals are at most 256 times lighter, so that some requests go to them all the same.
  expect(won).toBeGreaterThan(REQUESTS / 2);
});
