import { describe, expect, it } from 'vitest';
import { formatRows, formatValue, isMet, measureInTurn, median, pairedDifference, pairedRatio } from './row.ts';

const row = { id: 'a', what: 'a thing', value: 2, unit: 'ms' };

describe('rows', () => {
  it.each([
    [{ at: 'most', value: 2 } as const, true],
    [{ at: 'most', value: 1.9 } as const, false],
    [{ at: 'least', value: 2 } as const, true],
    [{ at: 'least', value: 2.1 } as const, false],
  ])('with the aim %o are met: %s', (aim, met) => {
    expect(isMet({ ...row, aim })).toBe(met);
  });

  it('without an aim, or without a value, neither meet nor miss', () => {
    expect(isMet(row)).toBeUndefined();
    expect(isMet({ ...row, value: undefined, aim: { at: 'most', value: 1 } })).toBeUndefined();
  });

  it('never meet an aim with a value that is not a number', () => {
    expect(isMet({ ...row, value: Number.NaN, aim: { at: 'least', value: 0 } })).toBe(false);
  });

  it('are formatted as a table', () => {
    const rows = [
      { ...row, aim: { at: 'most', value: 1 } as const, note: 'a | b' },
      { ...row, value: 1234.5 },
      { ...row, value: undefined, note: 'no browser' },
    ];
    expect(formatRows(rows)).toBe(
      [
        '| what | measured | aim |  | note |',
        '| --- | --- | --- | --- | --- |',
        '| a thing | 2.00 ms | <= 1 | MISSED | a \\| b |',
        '| a thing | 1235 ms |  |  |  |',
        '| a thing | not measured |  |  | no browser |',
      ].join('\n'),
    );
  });

  it('show three significant digits', () => {
    expect([0.1234, 1.234, 12.34, 123.4, -0.5, Number.NaN].map(formatValue)).toEqual([
      '0.123',
      '1.23',
      '12.3',
      '123',
      '-0.500',
      'NaN',
    ]);
  });
});

describe('measures', () => {
  it('take turns at running first', async () => {
    const calls: string[] = [];
    const samples = await measureInTurn(3, {
      a: (round) => calls.push(`a${round}`),
      b: async (round) => calls.push(`b${round}`),
    });
    expect(calls).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2']);
    expect(samples).toEqual({ a: [1, 4, 5], b: [2, 3, 6] });
  });

  it('are compared pairwise, so that a slow moment counts once', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(pairedRatio([1, 10, 300], [2, 20, 100])).toBe(0.5);
    expect(pairedDifference([1, 10, 300], [2, 20, 100])).toBe(-1);
  });
});
