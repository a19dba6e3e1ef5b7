import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatExactTokens, formatTokens, parseAmount } from './amount.ts';

const UNIT = 10n ** 18n;

it.each([
  ['0.001', 10n ** 15n, 10n ** 15n],
  ['12.0', 12n * UNIT, 12n * UNIT],
  ['12 OGONG', 12n * UNIT, 12n * UNIT],
  ['12ogong', 12n * UNIT, 12n * UNIT],
  ['0.5 credits', UNIT / 2n, UNIT / 2n],
  ['1000 atomic', 1000n, 1000n],
  ['1000atomic', 1000n, 1000n],
  ['0.000000000000000001', 1n, 1n],
  // The one form that each caller reads in its own way.
  ['1000', 1000n * UNIT, 1000n],
  ['0', 0n, 0n],
])('reads %j', (written, tokens, atomic) => {
  expect(parseAmount(written, { bare: 'tokens' })).toBe(tokens);
  expect(parseAmount(written, { bare: 'atomic' })).toBe(atomic);
});

it.each(['', '-1', '.5', '1.', '1e3', '1,000', '1.5 atomic', '1 dollar', '0.0000000000000000001', '1 2', '0x1'])(
  'refuses %j',
  (written) => {
    expect(parseAmount(written, { bare: 'tokens' })).toBeUndefined();
    expect(parseAmount(written, { bare: 'atomic' })).toBeUndefined();
  },
);

it.each([
  [256_000_000_000_002n, '0.000256'],
  [1_000_000_000_000_007n, '0.001'],
  [1000n, '0.000000000000001'],
  [1_234_567_891n, '0.00000000123456'],
  [999_999_999_999_999_999n, '0.999999'],
  [35_000n * UNIT, '35,000'],
  [35_000n * UNIT + 1n, '35,000'],
  [12n * UNIT + 34_567_891_000_000_000n, '12.034567'],
  [0n, '0'],
  [-UNIT / 2n, '-0.5'],
])('shows %s as %s', (atomic, shown) => {
  expect(formatTokens(atomic)).toBe(shown);
});

it('shows other decimals, also none', () => {
  expect(formatTokens(1_500_000n, 6)).toBe('1.5');
  expect(formatTokens(1_500n, 0)).toBe('1,500');
});

it('never shows more than there is, and reads its exact form back', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (atomic) => {
      const read = (shown: string): bigint => parseAmount(shown.replaceAll(',', ''), { bare: 'tokens' }) as bigint;
      expect(read(formatTokens(atomic)) <= atomic).toBe(true);
      expect(read(formatExactTokens(atomic))).toBe(atomic);
    }),
  );
});
