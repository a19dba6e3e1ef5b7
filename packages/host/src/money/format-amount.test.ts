import { expect, it } from 'vitest';
import { formatAmount } from './format-amount.ts';

const OGONG = 10n ** 18n;

it.each([
  [0n, '0'],
  [1n, '0.000000000000000001'],
  [256_000_000_000_002n, '0.000256'],
  [OGONG / 3n, '0.333333'],
  [OGONG, '1'],
  [35_000n * OGONG, '35,000'],
  [1_234_567n * OGONG + 5n, '1,234,567'],
  [12n * OGONG + OGONG / 8n, '12.125'],
  [12n * OGONG + 345_678_912n * 10n ** 9n, '12.3456'],
])('writes %s as %s', (atomic, text) => {
  expect(formatAmount(atomic)).toBe(text);
});
