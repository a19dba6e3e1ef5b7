import { describe, expect, it } from 'vitest';
import { earlyEjection } from './early-ejection.ts';

describe('a validator that lies about the test of a provider', () => {
  it.each([
    ['too early', 1, 'do not eject its provider yet'],
    ['too early', 2, 'do not eject its provider yet'],
    ['heavy step', 1, 'its step is reply with 45000000 ppm'],
    ['late step', 2, 'its step is reply'],
    ['spared friend', 3, 'the tests of this log eject its provider'],
  ] as const)('%s, at reject %i: the entry never settles, and those before it do', async (lie, rejects, reason) => {
    const { ejected, states, refusals } = await earlyEjection.play({ rejects, lie });
    expect(ejected).toBe(0);
    expect(states).toEqual([...Array(rejects - 1).fill('settled'), 'refused']);
    expect(refusals.join()).toContain(reason);
  });
});
