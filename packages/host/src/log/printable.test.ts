import { expect, it } from 'vitest';
import { describeFailure } from './errors.ts';
import { toPrintable } from './printable.ts';

const HOSTILE = 'gone\u001b[2J\u009b1A\rall good\u0007';

it('takes from a text what a terminal would obey, and leaves every letter', () => {
  expect(toPrintable(HOSTILE)).toBe('gone\ufffd[2J\ufffd1A\ufffdall good\ufffd');
  expect(toPrintable('naïve\n\tעברית 😀')).toBe('naïve\n\tעברית 😀');
});

it('is what every failure is told with', () => {
  const failure = Object.assign(new Error(HOSTILE), { code: 'timeout' });
  expect(describeFailure(failure)).toBe(`internal error: ${toPrintable(HOSTILE)}`);
});
