import { describe, expect, it } from 'vitest';
import { computeListDistance, computeReplyDistance, FARTHEST, type Listing } from './listing.ts';

const list = (entries: Record<string, number>): Listing => new Map(Object.entries(entries));
const a = list({ '61': -0.1, '62': -2, '63': -5 });

describe('the distance of two lists of likely tokens', () => {
  it('is the mean difference of log-probabilities, the same in both directions, and 0 of equal lists', () => {
    const b = list({ '61': -0.2, '62': -2.5, '63': -5 });
    expect(computeListDistance(a, a)).toBe(0);
    expect(computeListDistance(a, b)).toBeCloseTo(0.2, 12);
    expect(computeListDistance(b, a)).toBeCloseTo(0.2, 12);
  });

  it('counts a token that one list leaves out by how far it is above that list, and not at all below it', () => {
    const without = list({ '61': -0.1, '62': -2, '64': -6 });
    // 63 is missing though it is a nat above the least likely token there; 64 is below all of the other list.
    expect(computeListDistance(a, without)).toBeCloseTo(1 / 3, 12);
    expect(computeListDistance(list({ '61': -1 }), list({ '62': -1 }))).toBe(FARTHEST);
  });

  it('is bounded, and unknown of an empty list', () => {
    expect(computeListDistance(list({ '61': -1e9 }), list({ '61': 0 }))).toBe(FARTHEST);
    expect(computeListDistance(a, list({}))).toBeUndefined();
  });

  it('of a reply is the mean over positions that both have', () => {
    const far = list({ '61': -1.1, '62': -3, '63': -6 });
    expect(computeReplyDistance([a, a, undefined], [a, far, a], [0, 1, 2])).toBeCloseTo(0.5, 12);
    expect(computeReplyDistance([a], [undefined], [0])).toBeUndefined();
  });
});
