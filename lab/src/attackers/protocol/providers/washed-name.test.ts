import { describe, expect, it } from 'vitest';
import { washedName } from './washed-name.ts';

const ENTRANCE = 10_000n;

describe('a good name by cheap replies', () => {
  it('does not carry a dear reply', async () => {
    const outcome = await washedName.play({ washes: 20, entranceAtomic: ENTRANCE, dearAtomic: 900_000n });
    expect(outcome.refusal).toMatch(
      /the order pays up to 900000, its provider holds \d+ and may be paid up to \d+ at once/,
    );
    expect(outcome).toMatchObject({ isEjected: false, gainAtomic: 0n });
  });

  it('is lost with all that its key holds, by the dearest reply that is admitted', async () => {
    const outcome = await washedName.play({ washes: 20, entranceAtomic: ENTRANCE, dearAtomic: 'most' });
    expect(outcome.heldAtomic).toBeGreaterThan(0n);
    expect(outcome).toMatchObject({ refusal: '', isEjected: true, gainAtomic: -outcome.heldAtomic });
  });

  it('carries a dear order where nothing bounds a fee', async () => {
    const outcome = await washedName.play({ washes: 20, entranceAtomic: 0n, dearAtomic: 900_000n });
    expect(outcome.refusal).toBe('');
  });
});
