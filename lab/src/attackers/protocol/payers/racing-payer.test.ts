import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { expect, it } from 'vitest';
import { racingPayer } from './racing-payer.ts';

it('a payer that takes nothing gets a part of each text, and soon none', async () => {
  const network = await createNetwork({ standby: 0n, provider: { takeWithinMs: 2_000 } });
  try {
    const { served, refusal, mostParts, billed, openings } = await racingPayer.play({ network, standbyPer1k: 0n });
    expect(mostParts).toBe(1);
    expect([billed, openings]).toEqual([served, 0]);
    expect(served).toBeGreaterThan(0);
    expect(served).toBeLessThan(20);
    expect(refusal).toContain('leaves most answers untaken');
  } finally {
    await network.close();
  }
});
