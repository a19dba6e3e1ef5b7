import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeRoom, isBacked } from './unvested.ts';

const amount = fc.bigInt(0n, 1n << 128n);

describe('bonds behind unvested earnings', () => {
  it('carry up to half of them, to the unit', () => {
    expect([isBacked(5n, 10n), isBacked(6n, 11n), isBacked(5n, 9n)]).toEqual([true, false, false]);
    fc.assert(
      fc.property(amount, amount, (unvested, votes) => {
        const room = computeRoom(unvested, votes);
        expect(isBacked(unvested + room + 1n, votes)).toBe(false);
        expect(isBacked(unvested + room, votes)).toBe(isBacked(unvested, votes));
      }),
      { seed: 104 },
    );
  });

  it('have no room, and never negative room, if earlier batches take it all', () => {
    expect([computeRoom(5n, 10n), computeRoom(9n, 10n), computeRoom(0n, 11n)]).toEqual([0n, 0n, 5n]);
  });
});
