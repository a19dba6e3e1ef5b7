import { describe, expect, it } from 'vitest';
import { compareCounts, formatBaseline, lowerBaseline, parseBaseline } from './baseline.ts';

const SINCE = '0123456789abcdef0123456789abcdef01234567';
const counts = (entries: Readonly<Record<string, number>>): Map<string, number> => new Map(Object.entries(entries));
const isPresent = (path: string): boolean => path !== 'gone/a.ts';

describe('baseline', () => {
  it('reads the lines that it writes, sorted', () => {
    const text = formatBaseline({
      since: SINCE,
      counts: counts({ 'b.ts\thead': 2, 'a.ts\tword': 1, 'c.ts\thead': 0 }),
    });
    expect(text).toBe(`since ${SINCE}\na.ts\tword\t1\nb.ts\thead\t2\n`);
    expect(formatBaseline(parseBaseline(text))).toBe(text);
  });

  it.each(['', 'a.ts\thead\t1\n', `since ${SINCE}\na.ts\thead\n`, `since ${SINCE}\na.ts\thead\t0\n`])(
    'refuses %j',
    (text) => {
      expect(() => parseBaseline(text)).toThrow();
    },
  );

  it('reports files above and below it', () => {
    const difference = compareCounts(
      counts({ 'a.ts\thead': 1, 'b.ts\thead': 2, 'c.ts\thead': 1 }),
      counts({ 'a.ts\thead': 2, 'b.ts\thead': 1, 'c.ts\thead': 1, 'd.ts\tword': 1 }),
    );
    expect(difference).toEqual({ above: ['a.ts\thead', 'd.ts\tword'], below: ['b.ts\thead'] });
  });

  it('never grows', () => {
    const before = counts({ 'a.ts\thead': 1, 'b.ts\thead': 3 });
    const now = counts({ 'a.ts\thead': 5, 'a.ts\tword': 1, 'b.ts\thead': 2, 'c.ts\thead': 4 });
    expect(lowerBaseline(before, now, isPresent)).toEqual(counts({ 'a.ts\thead': 1, 'b.ts\thead': 2 }));
  });

  it('follows a moved file, with no more findings than it had', () => {
    const before = counts({ 'gone/a.ts\thead': 2 });
    const now = counts({ 'new/a.ts\thead': 1, 'other/a.ts\thead': 3, 'new/b.ts\thead': 1 });
    expect(lowerBaseline(before, now, isPresent)).toEqual(counts({ 'new/a.ts\thead': 1, 'other/a.ts\thead': 1 }));
  });
});
