import { describe, expect, it } from 'vitest';
import { createDraws, drawBytes } from './draws.ts';
import { createVirtualTime, type Owner } from './virtual-time.ts';

const createOwner = (): Owner => ({ name: 'one', isDead: false, skewMs: 0, drift: 0, slowMs: 0 });

describe('virtual time', () => {
  it('runs events by their time, whatever the order in which they were planned', () => {
    const time = createVirtualTime(createDraws(1));
    const seen: number[] = [];
    for (const at of [30, 10, 20, 5, 25]) time.plan(at, () => seen.push(time.nowMs()));
    while (time.step(100));
    expect(seen).toEqual([5, 10, 20, 25, 30]);
    expect(time.nowMs()).toBe(100);
  });

  it('draws the order of events of one moment from the seed', () => {
    const orderOf = (seed: number): string => {
      const time = createVirtualTime(createDraws(seed));
      const seen: string[] = [];
      for (const name of 'abcdef') time.plan(1, () => seen.push(name));
      while (time.step(1));
      return seen.join('');
    };
    expect(orderOf(7)).toBe(orderOf(7));
    expect(new Set([1, 2, 3, 4, 5, 6].map(orderOf)).size).toBeGreaterThan(1);
  });

  it('runs nothing that a dead process had planned', () => {
    const time = createVirtualTime(createDraws(1));
    const owner = createOwner();
    const seen: string[] = [];
    time.runAs(owner, () => time.plan(5, () => seen.push('dead')));
    time.plan(6, () => seen.push('alive'));
    owner.isDead = true;
    while (time.step(10));
    expect(seen).toEqual(['alive']);
  });

  it('runs nothing that was cancelled, and nothing later than asked for', () => {
    const time = createVirtualTime(createDraws(1));
    const seen: string[] = [];
    time.plan(1, () => seen.push('cancelled')).cancel();
    time.plan(11, () => seen.push('late'));
    expect(time.step(10)).toBe(false);
    expect(seen).toEqual([]);
    expect(time.step(11)).toBe(true);
  });

  it('tells a process the time of its own clock', () => {
    const time = createVirtualTime(createDraws(1));
    const owner = { ...createOwner(), skewMs: 500, drift: 0.01 };
    while (time.step(1_000));
    expect(time.runAs(owner, () => time.wallMs()) - time.wallMs()).toBe(510);
  });
});

describe('draws', () => {
  it('do not depend on the draws of other names', () => {
    const [a, b] = [createDraws(3), createDraws(3)];
    b.next('other');
    expect(a.next('one')).toBe(b.next('one'));
    expect(a.next('one')).not.toBe(a.next('one'));
  });

  it('are spread over the interval', () => {
    const draws = createDraws(1);
    const values = Array.from({ length: 1_000 }, () => draws.next('x'));
    expect(Math.min(...values)).toBeLessThan(0.02);
    expect(Math.max(...values)).toBeGreaterThan(0.98);
    expect(drawBytes(1, 'a', 33)).toHaveLength(33);
    expect(drawBytes(1, 'a', 33)).not.toEqual(drawBytes(2, 'a', 33));
  });
});
