import { expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { unshownBill } from './unshown-bill.ts';

it.each([false, true])('an answer that was shown nobody bills one window of text (restarts: %s)', async (restarts) => {
  const breaks = createBreaks();
  const outcomes = await unshownBill.play(undefined, restarts ? breaks : undefined);
  breaks.end();
  expect(outcomes.filter(({ isPayerFirst }) => isPayerFirst).length).toBe(4);
  expect(outcomes.length).toBe(8);
  for (const { how, isPayerFirst, verdict, paidAtomic, allowedAtomic, claimedAtomic } of outcomes) {
    const play = { how, isPayerFirst };
    expect({ ...play, verdict, paidAtomic }).toEqual({ ...play, verdict: 'accept', paidAtomic: allowedAtomic });
    expect(claimedAtomic).toBeGreaterThan(allowedAtomic);
  }
});
