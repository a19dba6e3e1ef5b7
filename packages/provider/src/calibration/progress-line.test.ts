import { describe, expect, it } from 'vitest';
import { createMeasureLine, formatSpan } from './progress-line.ts';

describe('progress', () => {
  const run = (steps: readonly (readonly [atMs: number, done: number])[]): string[] => {
    let now = 0;
    const lines: string[] = [];
    const show = createMeasureLine(
      (line) => lines.push(line),
      () => now,
    );
    for (const [atMs, done] of steps) {
      now = atMs;
      show({ provider: 'exact', checker: done > 10 ? 'fast' : undefined, done, total: 20 });
    }
    return lines;
  };

  it('says how far it is, how fast, and how long it will take', () => {
    expect(run([[5_000, 10]])).toEqual(['10 of 20: exact serves, 2.0/s, 5 s left\n']);
  });

  it('is a line every two seconds, and the last', () => {
    const lines = run(Array.from({ length: 20 }, (_, i) => [1_000 + i * 100, i + 1] as const));
    expect(lines).toHaveLength(2);
    expect(lines.at(-1)).toBe('20 of 20: fast checks exact, 6.9/s, 0 s left\n');
  });

  it('goes by the last half minute', () => {
    const lines = run([...Array.from({ length: 10 }, (_, i) => [(i + 1) * 10_000, i + 1] as const), [104_000, 17]]);
    expect(lines.at(-1)).toContain('0.3/s');
  });

  it('writes spans as people say them', () => {
    expect([0, 59.2, 61, 3600, 7_384].map(formatSpan)).toEqual([
      '0 s',
      '1 min 0 s',
      '1 min 1 s',
      '1 h 0 min',
      '2 h 3 min',
    ]);
  });
});
