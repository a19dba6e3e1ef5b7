import { describe, expect, it } from 'vitest';
import { createDemand, MAX_WANTED_MODELS } from './demand.ts';

const HOUR_MS = 3_600_000;
const START_MS = 500_000 * HOUR_MS;
const name = (n: number): string => `ogong/verified/acme/model-${n}`;

describe('demand for models that nobody serves', () => {
  it('counts each address once an hour, and is halved each hour', () => {
    const demand = createDemand();
    const weigh = (nowMs: number): number => demand.list(10, nowMs)[0]?.milliWeight ?? 0;
    for (const group of ['a', 'a', 'b', 'a']) expect(demand.note(name(1), group, START_MS)).toBe(true);
    expect(weigh(START_MS + HOUR_MS - 1)).toBe(2_000);
    expect(weigh(START_MS + HOUR_MS)).toBe(1_000);
    demand.note(name(1), 'a', START_MS + HOUR_MS);
    // A clock that goes back opens no earlier hour again.
    demand.note(name(1), 'a', START_MS);
    expect(weigh(START_MS + HOUR_MS)).toBe(2_000);
    expect(demand.list(10, START_MS + HOUR_MS)).toEqual([{ model: name(1), milliWeight: 2_000, sinceMs: START_MS }]);
    expect(demand.list(10, START_MS + 5 * HOUR_MS)).toEqual([]);
  });

  it('of one address stays below two counts, however long it asks', () => {
    const demand = createDemand();
    for (let hour = 0; hour < 100; hour++) {
      demand.note(name(1), 'a', START_MS + hour * HOUR_MS);
      expect(demand.list(1, START_MS + hour * HOUR_MS)[0]?.milliWeight).toBeLessThan(2_000);
    }
  });

  it('lists the most wanted first, and of equals the oldest', () => {
    const demand = createDemand();
    demand.note(name(1), 'a', START_MS + 1);
    demand.note(name(2), 'a', START_MS);
    for (const group of ['a', 'b']) demand.note(name(3), group, START_MS + 2);
    expect(demand.list(2, START_MS + 3).map(({ model }) => model)).toEqual([name(3), name(2)]);
  });

  it('lets one address name sixteen models an hour', () => {
    const demand = createDemand();
    const taken = Array.from({ length: 20 }, (_, n) => demand.note(name(n), 'a', START_MS));
    expect(taken.filter(Boolean)).toHaveLength(16);
    expect(demand.note(name(0), 'a', START_MS)).toBe(true);
    expect(demand.note(name(19), 'b', START_MS)).toBe(true);
    expect(demand.note(name(18), 'a', START_MS + HOUR_MS)).toBe(true);
  });

  it('holds a bounded number of models: made-up names push out no model that several addresses want', () => {
    const demand = createDemand();
    for (const group of ['a', 'b']) demand.note('ogong/verified/acme/wanted', group, START_MS);
    for (let n = 0; n < 2 * MAX_WANTED_MODELS; n++) demand.note(name(n), `stranger ${n}`, START_MS);
    const listed = demand.list(10_000, START_MS);
    expect(listed).toHaveLength(MAX_WANTED_MODELS);
    expect(listed[0]).toMatchObject({ model: 'ogong/verified/acme/wanted', milliWeight: 2_000 });
  });

  it('counts no more addresses than a bound', () => {
    const demand = createDemand();
    for (let n = 0; n < 400; n++) demand.note(name(1), `${n}`, START_MS);
    expect(demand.list(1, START_MS)[0]?.milliWeight).toBe(256_000);
  });
});
