import { describe, expect, it } from 'vitest';
import { earlyWork } from './early-work.ts';
import { storedWork } from './stored-work.ts';

describe('a key without a device', () => {
  it('would answer everything if the work did not wait for the value of the epoch', async () => {
    const { challenges, answered } = await earlyWork.play({ epochs: 10, knows: 'all' });
    expect(challenges).toBeGreaterThan(3);
    expect(answered).toBe(challenges);
  });

  it('is not found where a device stands behind each', async () => {
    const { challenges, answered, found } = await storedWork.play({ epochs: 12, keys: 2, hasDevice: true });
    expect(answered).toBe(challenges);
    expect(found).toBe(0);
  });
});
