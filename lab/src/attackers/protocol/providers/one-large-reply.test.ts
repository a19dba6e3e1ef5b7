import { computeFeeBound } from '@ogong/protocol/audit/fee-bound';
import { describe, expect, it } from 'vitest';
import { oneLargeReply } from './one-large-reply.ts';

const ENTRANCE = 1_000_000n;
const nobody = { heldAtomic: 0n, entranceAtomic: ENTRANCE };

describe('one large reply of a new key', () => {
  it('pays on a network without an entrance', async () => {
    const given = { heldAtomic: 0n, entranceAtomic: 0n, maxFeeAtomic: 50n * ENTRANCE, isValidatorInLeague: false };
    const { refusals, gainAtomic } = await oneLargeReply.play(given);
    expect(refusals).toEqual([]);
    expect(gainAtomic).toBeGreaterThan(49n * ENTRANCE);
  });

  it('is not admitted', async () => {
    const { refusals, settledAtomic } = await oneLargeReply.play({
      ...nobody,
      maxFeeAtomic: ENTRANCE + 1n,
      isValidatorInLeague: false,
    });
    expect(refusals.join()).toContain('its provider holds 0 and may be paid up to 1000000 at once');
    expect(settledAtomic).toBe(0n);
  });

  it.each([false, true])(
    'gains nothing as large as the entrance, and is settled; validator in league: %s',
    async (isValidatorInLeague) => {
      const outcome = await oneLargeReply.play({ ...nobody, maxFeeAtomic: ENTRANCE, isValidatorInLeague });
      expect(outcome).toMatchObject({ refusals: [], gainAtomic: 0n });
      expect(outcome.settledAtomic).toBeGreaterThan(0n);
    },
  );

  it('may be as large as a key can lose', async () => {
    const held = { heldAtomic: 3n * ENTRANCE, entranceAtomic: ENTRANCE };
    const order = {
      ...held,
      maxFeeAtomic: computeFeeBound({ ...held, growthPpm: 2_000_000 }, held.heldAtomic) as bigint,
      isValidatorInLeague: false,
    };
    expect(order.maxFeeAtomic).toBe(7n * ENTRANCE);
    expect((await oneLargeReply.play(order)).refusals).toEqual([]);
    const larger = await oneLargeReply.play({ ...order, maxFeeAtomic: order.maxFeeAtomic + 1n });
    expect(larger.refusals.join()).toContain('its provider holds 3000000');
  });
});
