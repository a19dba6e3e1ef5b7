import { expect, it } from 'vitest';
import { openPaidRelay, resetLinks } from './reset-links.ts';

it('links that are reset before their node answers cost the node none of its credit', async () => {
  const relay = await openPaidRelay();
  try {
    const { sentBytes, reached, chargedBytes } = await resetLinks.play(relay);
    expect(sentBytes).toBeGreaterThan(100_000);
    expect(reached).toBe(true);
    expect(chargedBytes).toBeGreaterThan(0n);
    expect(chargedBytes).toBeLessThan(16_000n);
  } finally {
    await relay.close();
  }
});
