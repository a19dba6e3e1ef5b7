import { describe, expect, it } from 'vitest';
import { poisonedEntry } from './poisoned-entry.ts';

describe('an entry that no peer signs', () => {
  it.each([0, 2, 4])('at place %i of five keeps none of the others from settling', async (at) => {
    const outcome = await poisonedEntry.play({ replies: 5, at });
    expect(outcome).toEqual({ states: Array(4).fill('settled'), poisoned: 'refused', settledReplies: 4, owed: 0n });
  });
});
