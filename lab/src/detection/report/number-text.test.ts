import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCount, formatFraction, formatNumber, formatPercent, formatRate, formatShare } from './number-text.ts';

describe('shares', () => {
  it.each([
    [0, '0'],
    [1, '100'],
    [0.5, '50'],
    [0.996, '99.6'],
    [0.9996, '99.96'],
    [0.99996, '99.996'],
    [0.0123, '1.2'],
    [0.000041, '0.0041'],
    [1e-12, '0.000001'],
    [1 - 1e-12, '99.999999'],
  ])('%d reads %s per cent', (share, text) => expect(formatPercent(share)).toBe(text));

  it('are never rounded to 100 % or 0 % if they are not', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
        const text = formatPercent(share);
        expect(text === '100').toBe(share === 1);
        expect(text === '0').toBe(share === 0);
        expect(Math.abs(Number(text) / 100 - share)).toBeLessThan(6e-4);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it('can be written as fractions with the same digits', () => {
    expect([0, 1, 0.5, 0.931, 0.999998, 1 - 1e-12].map(formatFraction)).toEqual([
      '0',
      '1',
      '0.5',
      '0.931',
      '0.999998',
      '0.99999999',
    ]);
  });

  it('are written with their interval, and say if nothing was measured', () => {
    expect(formatShare({ value: 0.996, low: 0.982, high: 0.999, of: 240 })).toBe('99.6 % (98.2..99.9)');
    expect(formatShare({ value: 0, low: 0, high: 1, of: 0 })).toBe('none seen');
  });

  it.each([Number.NaN, -0.1, 1.1, Number.POSITIVE_INFINITY])('refuse %d', (share) => {
    expect(() => formatPercent(share)).toThrow(RangeError);
  });
});

describe('figures', () => {
  it.each([
    [0, '0'],
    [0.0000123, '1.2e-5'],
    [1e-6, '1e-6'],
    [0.00123, '0.00123'],
    [0.021, '0.021'],
    [2.3456, '2.35'],
    [99.96, '100'],
    [1234.5, '1,235'],
    [1_234_567, '1,234,567'],
    [-0.5, '-0.5'],
  ])('%d reads %s', (value, text) => expect(formatNumber(value)).toBe(text));

  it('are finite', () => expect(() => formatNumber(Number.NaN)).toThrow(RangeError));

  it('count in thousands, and rates as powers of ten', () => {
    expect([12, 1234, 123_456, 1_234_567].map(formatCount)).toEqual(['12', '1,234', '123,456', '1,234,567']);
    expect([0.001, 1e-4, 0.05].map(formatRate)).toEqual(['1e-3', '1e-4', '0.05']);
  });
});
