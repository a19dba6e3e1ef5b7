import { expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { untakenBill } from './untaken-bill.ts';

it.each([false, true])(
  'an answer that nobody took bills its prompt at the standby price (restarts: %s)',
  async (restarts) => {
    const breaks = createBreaks();
    const { forged, entry, standbyAtomic, claimedAtomic } = await untakenBill.play(
      undefined,
      restarts ? breaks : undefined,
    );
    breaks.end();
    expect(claimedAtomic).toBeGreaterThan(100n * standbyAtomic);
    expect(forged).toContain("not the payer's word");
    expect(entry).toEqual({ verdict: 'accept', feeAtomic: standbyAtomic });
  },
);
