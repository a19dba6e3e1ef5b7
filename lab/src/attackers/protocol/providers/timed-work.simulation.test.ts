import { describe, expect, it } from 'vitest';
import { earlyWork } from './early-work.ts';
import { storedWork } from './stored-work.ts';

describe('a key without a device', () => {
  it('answers nothing by what a validator told it before the epoch', async () => {
    const { handed, challenges, answered } = await earlyWork.play({ epochs: 10, knows: 'before' });
    expect(handed).toBeGreaterThan(20);
    expect(challenges).toBeGreaterThan(3);
    expect(answered).toBe(0);
  });

  it('would answer everything if the work did not wait for the value of the epoch', async () => {
    const { challenges, answered } = await earlyWork.play({ epochs: 10, knows: 'all' });
    expect(challenges).toBeGreaterThan(3);
    expect(answered).toBe(challenges);
  });

  it('answers nothing by what it keeps, and is found', async () => {
    const { kept, challenges, answered, found } = await storedWork.play({ epochs: 12, keys: 2, hasDevice: false });
    expect(kept).toBeGreaterThan(40);
    expect(challenges).toBeGreaterThan(12);
    expect(answered).toBe(0);
    expect(found).toBe(2);
  });

  it('is not found where a device stands behind each', async () => {
    const { challenges, answered, found } = await storedWork.play({ epochs: 12, keys: 2, hasDevice: true });
    expect(answered).toBe(challenges);
    expect(found).toBe(0);
  });
});
