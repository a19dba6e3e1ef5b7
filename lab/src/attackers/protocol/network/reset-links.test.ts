import { expect, it } from 'vitest';
import { openPaidRelay, resetLinks } from './reset-links.ts';

it('links that end before their node has read them cost it nothing that it does not count', async () => {
  const relay = await openPaidRelay();
  try {
    const { sentBytes, reached, chargedBytes, uncountedBytes } = await resetLinks.play(relay);
    expect(sentBytes).toBeGreaterThan(100_000);
    expect(reached).toBe(true);
    expect(chargedBytes).toBeGreaterThan(0n);
    expect(chargedBytes).toBeLessThan(16_000n);
    expect(uncountedBytes).toBeLessThanOrEqual(0n);
    // Nor does it pay for what the relay charges to the caller.
    expect(uncountedBytes).toBeGreaterThan(-16_000n);
  } finally {
    await relay.close();
  }
});
