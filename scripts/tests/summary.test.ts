import { expect, it } from 'vitest';
import { countOutput } from './count-output.ts';
import { formatSlowest, formatTotals } from './summary.ts';

const file = (name: string, seconds: number, more: object = {}) => ({
  ...{ file: name, seconds, passed: 2, failed: 0, skipped: 1, isGreen: true },
  ...more,
});

it('the last line counts tests of files and of other parts', () => {
  const files = [
    file('a', 1),
    file('b', 2, { failed: 1, isGreen: false }),
    file('c', 3, { passed: 0, isGreen: false }),
  ];
  expect(formatTotals(files, [{ passed: 10, failed: 0, skipped: 1 }])).toBe('14 passed, 2 failed, 4 skipped');
});

it('the ten slowest files are listed', () => {
  const files = Array.from({ length: 12 }, (_, i) => file(`file ${i}`, i));
  const lines = formatSlowest(files).split('\n');
  expect([lines.length, lines[0], lines[1]]).toEqual([11, 'slowest files:', '    11.0 s  file 11']);
  expect(formatSlowest([])).toBe('');
});

it.each([
  ['  12 passing (3s)\n  2 skipped\n', true, { passed: 12, failed: 0, skipped: 2 }],
  ['  3 passing\n\n  5 passing (1 solidity, 4 nodejs)\n', true, { passed: 5, failed: 0, skipped: 0 }],
  ['  3 passing\n  1 failing\n', false, { passed: 3, failed: 1, skipped: 0 }],
  ['  3 passing\n', false, { passed: 3, failed: 1, skipped: 0 }],
  ['no tests here', true, { passed: 1, failed: 0, skipped: 0 }],
  ['no tests here', false, { passed: 0, failed: 1, skipped: 0 }],
])('the output %j of a part that is green (%s) counts', (output, isGreen, counts) => {
  expect(countOutput(output, isGreen)).toEqual(counts);
});
