import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeSample } from './describe-sample.ts';
import { chooseSample, sumSeconds } from './sample.ts';

const units = Array.from({ length: 200 }, (_, at) => ({ name: `test ${at}`, seconds: 1 + (at % 7) }));
const isTouched = ({ name }: { name: string }): boolean => name.endsWith('0');
const choose = (commit: string, more: object = {}) =>
  chooseSample(units, { isTouched, commit, touchedSeconds: 1000, seconds: 2000, ...more });

describe('the sample of a landing', () => {
  it('has every unit that the change touches, and a tenth of the others', () => {
    const { touched, touchedLeftOut, drawn, drawnLeftOut } = choose('abc');
    expect(touched.map(({ name }) => name).sort()).toEqual(
      units
        .filter(isTouched)
        .map(({ name }) => name)
        .sort(),
    );
    expect([touchedLeftOut.length, drawn.length, drawnLeftOut.length]).toEqual([0, 18, 0]);
    expect(drawn.some(isTouched)).toBe(false);
  });

  it('is the same for the same commit, and another for another one', () => {
    expect(choose('abc')).toEqual(choose('abc'));
    expect(choose('abd').drawn).not.toEqual(choose('abc').drawn);
  });

  it('draws each unit about once in ten landings', () => {
    const times = new Map<string, number>();
    for (let landing = 0; landing < 400; landing += 1)
      for (const { name } of choose(`commit ${landing}`).drawn) times.set(name, (times.get(name) ?? 0) + 1);
    expect(times.size).toBe(180);
    // Binomial with 400 draws of 1/10: 40, with a deviation of 6.
    expect(Math.min(...times.values())).toBeGreaterThan(10);
    expect(Math.max(...times.values())).toBeLessThan(80);
  });

  it('fits into its time, loses no unit, and lets no large change crowd the tenth out', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 60, max: 900 }),
        fc.integer({ min: 0, max: 900 }),
        (commit, seconds, most) => {
          const sample = choose(commit, {
            seconds,
            touchedSeconds: most,
            isTouched: ({ name }: { name: string }) => name < 'test 6',
          });
          expect(sumSeconds(sample.touched)).toBeLessThanOrEqual(most);
          expect(sumSeconds([...sample.touched, ...sample.drawn])).toBeLessThanOrEqual(seconds);
          const touched = [...sample.touched, ...sample.touchedLeftOut].map(({ name }) => name);
          expect(touched.sort()).toEqual(
            units
              .map(({ name }) => name)
              .filter((name) => name < 'test 6')
              .sort(),
          );
          expect(sample.drawn.length).toBeGreaterThan(0);
        },
      ),
    );
  });

  it('says what it leaves out', () => {
    const text = describeSample(choose('abc', { touchedSeconds: 30 }), { base: undefined, commit: 'abc', total: 200 });
    expect(text).toContain('the start of the change cannot be told, so it may touch all');
    expect(text).toMatch(/touched {2}\d+ of 20 test files and parts run/);
    expect(text).toMatch(/left out, for want of time \(npm test -- all runs them\):\n {2}test \d+/);
    const whole = describeSample(choose('abc'), { base: '0123456789abcdef', commit: 'abc', total: 200 });
    expect(whole).toContain('the change since 0123456789ab touches 20 of 200');
    expect(whole).not.toContain('left out');
  });
});
