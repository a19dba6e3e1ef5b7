import { expect, it } from 'vitest';
import { computeEditDistance, findNearest } from './edit-distance.ts';

it.each([
  ['', '', 0],
  ['pull', 'pull', 0],
  ['pul', 'pull', 1],
  ['lsit', 'list', 2],
  ['', 'run', 3],
  ['kitten', 'sitting', 3],
])('the distance of %j and %j is %i', (a, b, distance) => {
  expect(computeEditDistance(a, b)).toBe(distance);
  expect(computeEditDistance(b, a)).toBe(distance);
});

it('lists the nearest candidates once each, the nearest first', () => {
  expect(findNearest('qwen3:0.7b', ['qwen3:0.6b', 'llama3.2', 'qwen3:4b', 'qwen3:0.6b'], 2)).toEqual([
    'qwen3:0.6b',
    'qwen3:4b',
  ]);
  expect(findNearest('x'.repeat(1e6), ['a', 'b'], 3)).toEqual(['a', 'b']);
});
