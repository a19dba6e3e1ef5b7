import { describe, expect, it } from 'vitest';
import { OPENING_KEPT_MS } from '../exchange/limits.ts';
import {
  computeAttemptEpoch,
  computeMostAsked,
  findAttemptDraw,
  MAX_ASKED,
  MAX_AUDIT_ATTEMPTS,
} from './audit-attempt.ts';

const draw = { replyId: new Uint8Array(16), orderEpoch: 1n, beaconEpoch: 5n, beacon: new Uint8Array(32).fill(1) };

describe('the audit attempts of a reply', () => {
  it('have epochs that follow from the deciding epoch alone', () => {
    const epochs = Array.from({ length: MAX_AUDIT_ATTEMPTS }, (_, sitting) => computeAttemptEpoch(5n, sitting));
    expect(epochs).toEqual([5n, 7n, 11n, 17n, 25n, 35n, 47n, 61n]);
  });

  it('have a beacon of their own each', () => {
    const [second, third] = [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];
    expect(findAttemptDraw(draw, [second, third], 0)).toBe(draw);
    expect(findAttemptDraw(draw, [second, third], 2)).toEqual({ ...draw, beacon: third });
    expect(findAttemptDraw(draw, [second], 2)).toBeUndefined();
    expect(findAttemptDraw(undefined, [second], 1)).toBeUndefined();
  });

  it('ask one verifier more at a time for each silent one, up to the limit of opened reports', () => {
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

  it('end before a provider may drop the opening, with epochs of 1 minute and windows of 10 minutes', () => {
    const [epochMs, windowMs] = [60_000, 600_000];
    // Every attempt may begin a whole window after its beacon, because the attempt before took as long.
    const waitedMs = Number(computeAttemptEpoch(0n, MAX_AUDIT_ATTEMPTS - 1)) * epochMs + MAX_AUDIT_ATTEMPTS * windowMs;
    expect(waitedMs).toBeLessThan(OPENING_KEPT_MS);
  });
});
