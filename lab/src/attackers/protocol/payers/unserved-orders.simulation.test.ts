import { createFour } from '@ogong/testing/validator/test-four';
import { describe, expect, it } from 'vitest';
import { unservedOrders } from './unserved-orders.ts';

describe('orders that a provider takes and leaves', () => {
  it('cost it a hundredth of what they offered, of what it earned', async () => {
    const played = await unservedOrders.play({ four: await createFour(), isValidatorInLeague: false });
    expect(played).toMatchObject({ abandoned: 3, earnedAtomic: 86_000n, finedAtomic: 30_000n, dueAtomic: 30_000n });
    expect(played.refusals).toEqual([]);
  });

  it('cannot be spared the fine by the validator that handles them', async () => {
    const played = await unservedOrders.play({ four: await createFour(), isValidatorInLeague: true });
    expect(
      played.refusals.filter((text) => text.includes('a fine of 0, its order comes to 10000')).length,
    ).toBeGreaterThan(0);
    // The entry that was bent is out of the log, and the others cost what they cost.
    expect(played).toMatchObject({ abandoned: 2, finedAtomic: 20_000n });
  });
});
