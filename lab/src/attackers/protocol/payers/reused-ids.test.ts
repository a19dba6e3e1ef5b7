import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReuseStep, reusedIds } from './reused-ids.ts';

/** More runs on request: OGONG_REUSE_RUNS=500 takes some minutes. */
const RUNS = Number(process.env.OGONG_REUSE_RUNS ?? 6);
const SEED = Number(process.env.OGONG_SEED ?? 1);

const step: fc.Arbitrary<ReuseStep> = fc.record({
  kind: fc.constantFrom('order', 'order', 'order', 'abandon', 'frame', 'replay', 'settle', 'restart', 'sweep', 'wait'),
  validator: fc.nat(3),
  nonce: fc.nat(2),
  payer: fc.nat(1),
  minutes: fc.constantFrom(1, 3, 15, 90, 1_500),
});

const one = (kind: ReuseStep['kind'], more: Partial<ReuseStep> = {}): ReuseStep => ({
  ...{ kind, validator: 0, nonce: 0, payer: 0, minutes: 15 },
  ...more,
});

/** At the end a reply is audited, and every announcement is older than a day. */
const AFTER_A_DAY = [one('wait', { minutes: 1_500 }), one('order'), one('abandon', { nonce: 1 })];

describe('ids that were used before', () => {
  it('are known to their validator when the provider has forgotten them, and are new ones at another validator', async () => {
    const steps = [
      one('order'),
      one('settle'),
      one('wait'),
      one('sweep'),
      one('order'),
      one('order', { validator: 1 }),
    ];
    const outcome = await reusedIds.play([...steps, one('frame'), one('replay'), one('restart'), one('frame')]);
    expect(outcome).toEqual({
      ...{ ejections: 0, overpaid: 0n, stuck: 0 },
      reused: { served: 0, refused: 1 },
      settled: 2,
    });
  });

  it(
    'eject no honest provider, are not paid twice and stop no batch, in any order of things',
    async () => {
      const seen = { served: 0, refused: 0, settled: 0 };
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
          const { reused, settled, ...harm } = await reusedIds.play(steps);
          expect(harm).toEqual({ ejections: 0, overpaid: 0n, stuck: 0 });
          seen.served += reused.served;
          seen.refused += reused.refused;
          seen.settled += settled;
        }),
        { numRuns: RUNS + 1, seed: SEED, examples: [[AFTER_A_DAY]] },
      );
      expect(seen.refused).toBeGreaterThan(0);
      expect(seen.settled).toBeGreaterThan(0);
    },
    60_000 + RUNS * 1_000,
  );
});
