import { expect, it } from 'vitest';
import { listPreviewSteps } from './previews.ts';

it.each([
  [20, 0, []],
  [20, 1, [10]],
  [20, 3, [5, 10, 15]],
  [3, 3, [1, 2]],
  [1, 3, []],
])('of %i steps, %i previews show these', (steps, count, due) => {
  expect(listPreviewSteps(steps, count)).toEqual(due);
});
