import { expect, it } from 'vitest';
import { combineDemand, readDemand } from './wanted-models.ts';

const demand = (rows: Readonly<Record<string, number>>): ReadonlyMap<string, number> => new Map(Object.entries(rows));
const weigh = (...answers: Parameters<typeof combineDemand>[0]) =>
  combineDemand(answers).map(({ modelId, milliWeight }) => `${modelId} ${milliWeight}`);

it('demand is the lower median of all routers: one liar of two or three moves nothing', () => {
  expect(weigh(demand({ a: 1_000, b: 2_000 }))).toEqual(['b 2000', 'a 1000']);
  const liar = demand({ lie: 9_000_000, a: 9_000_000 });
  expect(weigh(liar, demand({ a: 1_000 }))).toEqual(['a 1000']);
  expect(weigh(liar, demand({ a: 1_000, b: 500 }), demand({ a: 3_000, b: 700 }))).toEqual(['a 3000', 'b 500']);
  // A router that is silent counts as one without demand.
  expect(weigh(liar, undefined)).toEqual([]);
  expect(weigh(liar, undefined, demand({ a: 400 }))).toEqual(['a 400']);
  expect(weigh()).toEqual([]);
});

it('equals are in the order of their ids, so all providers with the same answers choose alike', () => {
  expect(weigh(demand({ b: 1, c: 2, a: 1 }))).toEqual(['c 2', 'a 1', 'b 1']);
});

it('reads few rows of a router, and skips those without a model id', () => {
  const rows = (names: readonly string[]) => ({
    models: names.map((model) => ({ model, milliWeight: 1_000, providers: 0, verifiers: 0 }) as never),
  });
  const good = 'ogong/verified/acme/small';
  const read = (names: readonly string[]) => readDemand(rows(names), { hasVerifier: false });
  expect([...read(['gpt-4', `${good}\u001b`, 'ogong/none/a/b', good]).keys()]).toEqual([good]);
  expect(read(Array.from({ length: 500 }, (_, n) => `${good}-${n}`)).size).toBe(64);
});

it.each([
  [{ providers: 0, verifiers: 0 }, [true, true]],
  // Its provider's own verifier checks others alone.
  [{ providers: 1, verifiers: 1 }, [false, true]],
  [{ providers: 3, verifiers: 0 }, [false, true]],
  [{ providers: 2, verifiers: 2 }, [false, false]],
])('a model with %j is wanted without and with a verifier: %j', (supply, expected) => {
  const answer = { models: [{ model: 'ogong/verified/acme/small', milliWeight: 1, ...supply } as never] };
  expect([false, true].map((hasVerifier) => readDemand(answer, { hasVerifier }).size === 1)).toEqual(expected);
});
