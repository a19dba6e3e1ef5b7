import { describe, expect, it } from 'vitest';
import { createRefusals } from './refusals.ts';

const offer = { providerId: new Uint8Array(32).fill(1), modelId: 'm', capacity: 8 };
const other = { ...offer, modelId: 'n' };

describe('refusals after a ticket', () => {
  it('halve the slots of the offer for the refused caller, and longer with each in a row', () => {
    const refusals = createRefusals();
    expect(refusals.believe(offer, 'a', 0)).toBe(8);
    refusals.note(offer, 'a', 0);
    expect([refusals.believe(offer, 'a', 14_999), refusals.believe(offer, 'a', 15_000)]).toEqual([4, 8]);
    refusals.note(offer, 'a', 20_000);
    expect([refusals.believe(offer, 'a', 79_999), refusals.believe(offer, 'a', 80_000)]).toEqual([2, 8]);
    for (let i = 0; i < 30; i++) refusals.note(offer, 'a', 100_000);
    expect([refusals.believe(offer, 'a', 699_999), refusals.believe(offer, 'a', 700_000)]).toEqual([0, 8]);
    expect(refusals.believe(other, 'a', 100_000)).toBe(8);
  });

  it('are made good by a reply that was served, and forgotten', () => {
    const refusals = createRefusals();
    for (let i = 0; i < 3; i++) refusals.note(offer, 'a', 0);
    refusals.clear(offer, 'a');
    expect(refusals.believe(offer, 'a', 0)).toBe(8);
    refusals.note(offer, 'a', 1);
    expect(refusals.believe(offer, 'a', 1)).toBe(4);
    refusals.sweep(10_000_000);
    refusals.note(offer, 'a', 10_000_000);
    expect(refusals.believe(offer, 'a', 10_000_000)).toBe(4);
  });

  it('leave a caller one trial in 15 seconds', () => {
    const refusals = createRefusals();
    for (let i = 0; i < 4; i++) refusals.note(offer, 'a', 1_000);
    const tries = (group: string) => [15_999, 16_000].map((nowMs) => refusals.mayTry(offer, group, nowMs));
    expect(tries('a')).toEqual([false, true]);
    // The refusals of others leave a caller its own first trial.
    expect(tries('b')).toEqual([true, true]);
    refusals.noteTrial(offer, 'b', 1_000);
    expect(tries('b')).toEqual([false, true]);
    refusals.noteTrial(offer, 'a', 16_000);
    expect([refusals.mayTry(offer, 'a', 30_999), refusals.mayTry(offer, 'a', 31_000)]).toEqual([false, true]);
    // A trial alone changes no estimate.
    expect([refusals.believe(offer, 'a', 600_999), refusals.believe(offer, 'b', 16_000)]).toEqual([0, 8]);
  });

  it('count for others only where most callers report them', () => {
    const refusals = createRefusals();
    for (const liar of ['x', 'x', 'x', 'x']) refusals.note(offer, liar, 0);
    expect([refusals.believe(offer, 'a', 0), refusals.believe(offer, undefined, 0)]).toEqual([8, 8]);
    for (const caller of ['y', 'y', 'y']) refusals.note(offer, caller, 0);
    expect(refusals.believe(offer, 'a', 0)).toBe(1);
    for (const served of ['b', 'c']) {
      refusals.note(offer, served, 0);
      refusals.clear(offer, served);
    }
    expect(refusals.believe(offer, 'a', 0)).toBe(8);
  });

  it('take bounded memory, the oldest caller first', () => {
    const refusals = createRefusals();
    for (let i = 0; i < 1_000; i++) refusals.note(offer, `caller ${i}`, 0);
    expect([refusals.believe(offer, 'caller 0', 0), refusals.believe(offer, 'caller 999', 0)]).toEqual([4, 4]);
    for (let i = 0; i < 3; i++) refusals.note(offer, 'caller 999', 0);
    expect(refusals.believe(offer, 'caller 999', 0)).toBe(0);
  });
});
