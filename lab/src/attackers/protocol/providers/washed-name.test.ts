import { describe, expect, it } from 'vitest';
import { washedName } from './washed-name.ts';

const _ENTRANCE = 10_000n;

describe('a good name by cheap replies', () => {
  it('carries a dear order where nothing bounds a fee', async () => {
    const outcome = await washedName.play({ washes: 20, entranceAtomic: 0n, dearAtomic: 900_000n });
    expect(outcome.refusal).toBe('');
  });
});
