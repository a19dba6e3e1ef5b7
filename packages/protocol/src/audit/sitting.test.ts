import { describe, expect, it } from 'vitest';
import { OPENING_KEPT_MS } from '../exchange/limits.ts';
import { computeMostAsked, computeSittingEpoch, findSittingDraw, MAX_ASKED, MAX_SITTINGS } from './sitting.ts';

const draw = { replyId: new Uint8Array(16), orderEpoch: 1n, beaconEpoch: 5n, beacon: new Uint8Array(32).fill(1) };

describe('the sittings of a reply', () => {
  it('have epochs that follow from the deciding one alone', () => {
    const epochs = Array.from({ length: MAX_SITTINGS }, (_, sitting) => computeSittingEpoch(5n, sitting));
    expect(epochs).toEqual([5n, 7n, 11n, 17n, 25n, 35n, 47n, 61n]);
  });

  it('have a beacon of their own each', () => {
    const [second, third] = [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];
    expect(findSittingDraw(draw, [second, third], 0)).toBe(draw);
    expect(findSittingDraw(draw, [second, third], 2)).toEqual({ ...draw, beacon: third });
    expect(findSittingDraw(draw, [second], 2)).toBeUndefined();
    expect(findSittingDraw(undefined, [second], 1)).toBeUndefined();
  });

  it('ask one more at a time for each that was silent, and never more than reports may be opened', () => {
    const rounds: number[] = [];
    for (let asked = 0; asked < MAX_ASKED; asked += rounds.at(-1) as number) {
      rounds.push(computeMostAsked({ asked, silent: asked }, 1));
    }
    expect(rounds).toEqual([1, 2, 4, 4, 4, 1]);
    expect(computeMostAsked({ asked: 0, silent: 0 }, 2)).toBe(2);
    expect(computeMostAsked({ asked: 2, silent: 0 }, 1)).toBe(1);
    expect(computeMostAsked({ asked: 5, silent: 3 }, 1)).toBe(2);
    expect(computeMostAsked({ asked: 9, silent: 5 }, 1)).toBe(1);
  });

  it('end before a provider may drop the opening, with an epoch of a minute and a window of 10', () => {
    const [epochMs, windowMs] = [60_000, 600_000];
    // Every sitting may begin a whole window after its beacon, because the one before took as long.
    const waitedMs = Number(computeSittingEpoch(0n, MAX_SITTINGS - 1)) * epochMs + MAX_SITTINGS * windowMs;
    expect(waitedMs).toBeLessThan(OPENING_KEPT_MS);
  });
});
