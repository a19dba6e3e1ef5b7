import { computeAuditRate, SOUNDNESS_PPM } from '@ogong/protocol/audit/audit-rate';
import { describe, expect, it } from 'vitest';
import { hitAndRun } from './hit-and-run.ts';

const FEE = 86_000n;
const ALPHA = 50_000;
const BURST = 12;

/**
 * Returns the average gain of a burst, in fees: the whole burst if no reply is caught, else minus the held earnings.
 */
function computeBurstGain(burst: number, heldFees: number): number {
  const stakes = { feeAtomic: FEE, heldAtomic: FEE * BigInt(heldFees), soundnessPpm: SOUNDNESS_PPM, basePpm: ALPHA };
  const missed = 1 - (computeAuditRate(stakes) / 1e6) * (SOUNDNESS_PPM / 1e6);
  return missed ** burst * (burst + heldFees) - heldFees;
}

describe('hit and run', () => {
  it('pays where earnings are paid at once', async () => {
    const outcome = await hitAndRun.play({ burst: BURST, alphaPpm: ALPHA, heldAtomic: undefined });
    expect(outcome.caught).toBeLessThan(BURST / 2);
    expect(outcome.gainAtomic).toBe(BigInt(BURST - outcome.caught) * FEE);
  });

  it('is worth nothing to a key that holds nothing: all of it is audited', async () => {
    const outcome = await hitAndRun.play({ burst: BURST, alphaPpm: ALPHA, heldAtomic: 0n });
    expect(outcome).toEqual({ caught: BURST, settledAtomic: 0n, isEjected: true, gainAtomic: 0n });
  });

  it('costs a key what it holds where one reply of the burst is caught', async () => {
    const held = 5n * FEE;
    const outcome = await hitAndRun.play({ burst: BURST, alphaPpm: ALPHA, heldAtomic: held });
    expect(outcome).toMatchObject({ isEjected: true, gainAtomic: -held });
    expect(outcome.caught).toBeLessThan(BURST);
    // One that is caught voids those that are not.
    expect(outcome.settledAtomic).toBe(0n);
  });

  it('costs a key what it holds where one log of three finds it out, though others settle its replies', async () => {
    const held = 5n * FEE;
    const outcome = await hitAndRun.play({ burst: BURST, alphaPpm: ALPHA, heldAtomic: held, logs: 3 });
    expect(outcome).toMatchObject({ isEjected: true, gainAtomic: -held });
    expect(outcome.caught).toBeLessThan(BURST);
  });

  it('on average costs a key what it holds, and more often the longer the burst', () => {
    for (const held of [1, 5, 28, 72, 1_000]) {
      for (const burst of [1, 2, 10, 50, 500]) expect(computeBurstGain(burst, held)).toBeLessThanOrEqual(1e-9);
    }
    expect(computeBurstGain(50, 28)).toBeLessThan(-14);
  });
});
