import { expect, it } from 'vitest';
import { createBreaks } from './breaks.ts';
import { unshownBill } from './unshown-bill.ts';

it.each([false, true])('an answer that was shown nobody bills one window of text (restarts: %s)', async (restarts) => {
  const breaks = createBreaks();
  const outcomes = await unshownBill.play(undefined, restarts ? breaks : undefined);
  breaks.end();
  expect(outcomes.length).toBe(4);
  for (const { how, verdict, paidAtomic, allowedAtomic, claimedAtomic } of outcomes) {
    expect({ how, verdict, paidAtomic }).toEqual({ how, verdict: 'accept', paidAtomic: allowedAtomic });
    expect(claimedAtomic).toBeGreaterThan(allowedAtomic);
  }
});
