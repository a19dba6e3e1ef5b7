import { describe, expect, it } from 'vitest';
import { epochWaiter } from './epoch-waiter.ts';

describe('a validator that waits for an epoch whose beacon passes a friend over', () => {
  it('gets no reply settled unaudited that the epoch of its order selects', async () => {
    const { found, settled, fair } = await epochWaiter.play({ replies: 12, alphaPpm: 900_000 });
    expect(found).toBeGreaterThan(fair + 3);
    expect(settled).toBe(fair);
  });

  it('gets those settled that are passed over', async () => {
    const { settled, fair } = await epochWaiter.play({ replies: 6, alphaPpm: 300_000 });
    expect(fair).toBeGreaterThan(0);
    expect(settled).toBe(fair);
  });
});
