import { expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { cutShort } from './cut-short.ts';

it.each([false, true])('a provider that cuts its reply off is paid nothing for it (restarts: %s)', async (restarts) => {
  const breaks = createBreaks();
  const { entry, claimedAtomic } = await cutShort.play(undefined, restarts ? breaks : undefined);
  breaks.end();
  expect(claimedAtomic).toBeGreaterThan(0n);
  expect(entry).toEqual({ verdict: 'accept', feeAtomic: 0n });
});
