import { describe, expect, it } from 'vitest';
import { chosenCandidates } from './chosen-candidates.ts';

describe('a validator that chooses the verifiers', () => {
  it.each([
    ['three friends', 'reject', 1],
    ['nobody later', 'unjudged', 0],
  ] as const)('settled %s while its list was believed', async (lists, verdict, steps) => {
    const played = await chosenCandidates.play({ lists, isBelieved: true });
    expect(played).toEqual({ settled: [verdict], steps, refusals: [] });
  });
});
