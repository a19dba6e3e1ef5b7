import { expect, it } from 'vitest';
import { planRoom } from './hub-room.ts';

const held = (modelId: string, sizeBytes: number, usedAtMs: number, isKept = false) => ({
  ...{ modelId, sizeBytes, usedAtMs, isKept },
});
const plan = (neededBytes: number, ...models: ReturnType<typeof held>[]) =>
  planRoom(neededBytes, { budgetBytes: 100, held: models, nowMs: 1_000, stayMs: 100 });

it('nothing goes while the budget has room', () => {
  expect(plan(100)).toEqual([]);
  expect(plan(40, held('a', 60, 0))).toEqual([]);
  expect(plan(101)).toBeUndefined();
});

it('the models that were used longest ago go, no more than are needed', () => {
  const models = [held('new', 30, 500), held('old', 30, 100), held('older', 30, 50)];
  expect(plan(11, ...models)).toEqual(['older']);
  expect(plan(41, ...models)).toEqual(['older', 'old']);
  expect(plan(100, ...models)).toEqual(['older', 'old', 'new']);
});

it('a model that serves, is pinned or was used of late stays', () => {
  expect(plan(60, held('kept', 50, 0, true))).toBeUndefined();
  expect(plan(60, held('late', 50, 901))).toBeUndefined();
  expect(plan(60, held('idle', 50, 900))).toEqual(['idle']);
});
