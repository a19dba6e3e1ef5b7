import { describe, expect, it } from 'vitest';
import { planSegments, type SlabSettings } from './planned-segments.ts';

const ID = 'ogong/verified/me/llama';
const SETTINGS: SlabSettings = { segment: ['a.gguf', 'b.gguf'], segmentModelId: [ID], segmentPrice: [4n, 5n] };

const plan = (change: Partial<SlabSettings>) => {
  const problems: string[] = [];
  return { segments: planSegments({ ...SETTINGS, ...change }, problems), problems };
};

describe('planned segments', () => {
  it('have an id and a price for each, or one for all', () => {
    expect(plan({})).toEqual({
      segments: [
        { slab: 'a.gguf', modelId: ID, pricePer1kAtomic: 4n },
        { slab: 'b.gguf', modelId: ID, pricePer1kAtomic: 5n },
      ],
      problems: [],
    });
    expect(plan({ segment: [], segmentModelId: [], segmentPrice: [] })).toEqual({ segments: [], problems: [] });
  });

  it.each<[string, Partial<SlabSettings>, RegExp]>([
    ['a price is missing', { segmentPrice: [] }, /^--segment-price: 0 given for 2 segments/],
    ['an id has no segment', { segment: [], segmentPrice: [] }, /^--segment-model-id: 1 given for 0 segments/],
    ['the id has no tier', { segmentModelId: ['llama'] }, /^--segment-model-id: /],
    ['one machine has to serve the tier alone', { segmentModelId: ['ogong/tee/me/llama'] }, /tee/],
    ['the rows of a pass change bits', { kernels: 'tiled' }, /^--kernels tiled: segments .* run with --kernels exact$/],
    ['there are too many', { segment: Array<string>(17).fill('a.gguf'), segmentPrice: [1n] }, /17 given, at most 16/],
  ])('are refused if %s', (_what, change, expected) => {
    expect(plan(change).problems).toEqual([expect.stringMatching(expected)]);
  });
});
