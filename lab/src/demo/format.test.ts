import { expect, it } from 'vitest';
import { formatOgong, formatRuledTable, shorten } from './format.ts';

it('writes amounts to the atomic unit', () => {
  expect(formatOgong(0n)).toBe('0.000000000000000000');
  expect(formatOgong(1n)).toBe('0.000000000000000001');
  expect(formatOgong(-1_500_000_000_000_000_000n)).toBe('-1.500000000000000000');
  expect(formatOgong(123n * 10n ** 18n + 7n)).toBe('123.000000000000000007');
});

it('aligns columns', () => {
  expect(
    formatRuledTable([
      ['name', ' paid'],
      ['a', '1'],
      ['bcdef', '23'],
    ]),
  ).toBe('name    paid\n-----  -----\na          1\nbcdef     23');
});

it('shortens by characters and not by code units', () => {
  expect(shorten('a  b\nc', 10)).toBe('a b c');
  expect(shorten('🙂🙂🙂🙂', 3)).toBe('🙂🙂…');
});
