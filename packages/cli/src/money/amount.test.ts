import { expect, it } from 'vitest';
import { assertUnit, formatAmount, formatTokens, parseAmount, tokenAmount } from './amount.ts';

const unit = 10n ** 18n;

it.each([
  ['12.5', (25n * unit) / 2n],
  ['12.5 OGONG', (25n * unit) / 2n],
  ['1ogong', unit],
  ['1000 atomic', 1_000n],
  ['0.000000000000000001', 1n],
])('%s is an amount', (text, atomic) => {
  expect(parseAmount(text)).toBe(atomic);
});

it.each([
  '',
  '0',
  '-1',
  '1e3',
  '1.',
  '.5',
  '1,000',
  '0.0000000000000000001',
  '1.5 atomic',
  '5 dollars',
  '9'.repeat(40),
])('%s is none', (text) => {
  expect(parseAmount(text)).toBeUndefined();
});

it('is shown with the digits that matter, its unit, and in dollars if a price is known', () => {
  expect(formatTokens(1_234_567n * unit + 1n)).toBe('1,234,567');
  expect(formatAmount(unit / 2n)).toBe('0.5 OGONG');
  expect(formatAmount(3n * unit, 0.02)).toBe('3 OGONG ($0.06)');
  expect(formatAmount(unit / 100n, 0.02)).toBe('0.01 OGONG ($0.000200)');
});

it.each([
  ['25', 'credits'],
  ['25 credits', 'credits'],
  ['1 credit', 'credits'],
  ['25OROG', 'OROG'],
  ['1000 atomic', 'OGONG'],
])('%s counts in %s', (text, unit) => {
  expect(() => assertUnit('ogong test', { flag: 'amount', amount: tokenAmount.parse(text) }, unit)).not.toThrow();
});

it.each([
  ['25 OGONG', 'credits'],
  ['25 credits', 'OGONG'],
  ['25 OGONG', 'OROG'],
])('%s is refused where %s count', (text, unit) => {
  const check = () => assertUnit('ogong test', { flag: 'amount', amount: tokenAmount.parse(text) }, unit);
  expect(check).toThrow(`write "25 ${unit}" if you mean so many`);
});
