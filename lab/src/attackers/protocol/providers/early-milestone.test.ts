import { expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { earlyMilestone } from './early-milestone.ts';

it.each([false, true])(
  'a payer that hands in an early milestone pays for the whole reply (restarts: %s)',
  async (restarts) => {
    const breaks = createBreaks();
    const { entry, wholeAtomic } = await earlyMilestone.play(undefined, restarts ? breaks : undefined);
    breaks.end();
    expect(entry).toEqual({ verdict: 'accept', feeAtomic: wholeAtomic });
  },
);
