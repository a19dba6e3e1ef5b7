import { describe, expect, it } from 'vitest';
import { findCrowder } from './find-crowder.ts';

const holdersOf = (groups: string) => [...groups].map((group, place) => ({ group, place }));

describe('the holder that gives way', () => {
  it.each([
    ['the newest of the address with most places', 'aabab', 'c', 3],
    ['the same if the newcomer has two fewer', 'aaab', 'b', 2],
    ['nobody if the newcomer would have as many', 'aab', 'b', undefined],
    ['nobody if the newcomer has most', 'aab', 'a', undefined],
    ['nobody if each has one', 'abc', 'd', undefined],
    ['nobody of none', '', 'a', undefined],
  ])('is %s', (_what, groups, newcomer, place) => {
    expect(findCrowder(holdersOf(groups), newcomer)?.place).toBe(place);
  });
});
