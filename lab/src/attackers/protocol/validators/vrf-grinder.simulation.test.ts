import { describe, expect, it } from 'vitest';
import { vrfGrinder } from './vrf-grinder.ts';

describe('a validator that registers a key once it has seen what the others prove', () => {
  it('gets a value that it could not foresee', () => {
    const { hoped, certified, epoch } = vrfGrinder.play({ epochs: 30 });
    expect([epoch, hoped?.slice(0, 2)]).toEqual([1n, '00']);
    expect(certified).toBeDefined();
    expect(certified).not.toBe(hoped);
  });
});
