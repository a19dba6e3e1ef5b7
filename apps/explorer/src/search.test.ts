import { expect, it } from 'vitest';
import { formatAge, formatAmount, formatBytes, formatPpm, parseAmount, shorten } from './format.ts';
import { findRoute } from './search.ts';

it.each([
  ['ab'.repeat(16), `#/reply/${'ab'.repeat(16)}`],
  [` 0x${'AB'.repeat(16)} `, `#/reply/${'ab'.repeat(16)}`],
  [`0x${'1f'.repeat(20)}`, `#/account/0x${'1f'.repeat(20)}`],
  ['cd'.repeat(32), `#/id/${'cd'.repeat(32)}`],
  ['batch 12', '#/batches/12'],
  ['#3', '#/batches/3'],
  ['acme/small-q8_0', '#/hub/acme/small-q8_0'],
  ['ogong/verified/karpathy/stories15m', '#/models/ogong%2Fverified%2Fkarpathy%2Fstories15m'],
])('leads %j to its page', (text, route) => expect(findRoute(text)).toEqual({ route }));

it.each(['', 'hello', '0x12', `${'ab'.repeat(16)}c`])('says what can be searched for, of %j', (text) => {
  expect(findRoute(text)).toMatchObject({ problem: expect.stringContaining('reply id') });
});

it('shows amounts with the digits that matter, and never more than there is', () => {
  expect(formatAmount(0n)).toBe('0');
  expect(formatAmount(5_000_000_000n * 10n ** 18n)).toBe('5,000,000,000');
  expect(formatAmount(31_000_000_000_001n)).toBe('0.000031');
  expect(formatAmount(1_239_000_000n)).toBe('0.000000001');
  expect(formatAmount(123_900_000_000n)).toBe('0.00000012');
  expect(formatAmount(7n)).toBe('<0.000000001');
  expect(formatAmount(-7n)).toBe('-<0.000000001');
  expect(formatAmount(-1_500_000_000_000_000_000n)).toBe('-1.5');
  expect(formatAmount(1_999_999_999_999_999_999n)).toBe('1.9999');
});

it('reads the amounts that people write, and no others', () => {
  expect(['12.5', '0.000000000000000007', '-3', ' 1 '].map(parseAmount)).toEqual([
    12_500_000_000_000_000_000n,
    7n,
    -3_000_000_000_000_000_000n,
    1_000_000_000_000_000_000n,
  ]);
  for (const text of ['', '.5', '1.', '1e3', '0.0000000000000000001', '1,5', '--1', '0x1'])
    expect(() => parseAmount(text), text).toThrow('write OGONG, as 12.5');
});

it('shows sizes in the unit that fits', () => {
  expect([0, 1_023, 1_536, 3 * 2 ** 30, 2 ** 50].map(formatBytes)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.5 KiB',
    '3 GiB',
    '1024 TiB',
  ]);
});

it('shows a part of a fee as it is', () => {
  expect([1_000_000, 959_900, 476_190, 5_000, 100].map(formatPpm)).toEqual([
    '100 %',
    '95.99 %',
    '47.62 %',
    '0.5 %',
    '0.01 %',
  ]);
});

it('shows ages and long names in short', () => {
  expect([0, 59_400, 3_599_000, 7_200_000, 259_200_000].map((ms) => formatAge(0, ms))).toEqual([
    '0 s ago',
    '59 s ago',
    '59 min ago',
    '2 h ago',
    '3 days ago',
  ]);
  expect(shorten('ab'.repeat(20))).toBe('ababababab…ababab');
});
