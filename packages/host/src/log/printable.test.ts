import { expect, it } from 'vitest';
import { describeFailure } from './errors.ts';
import { toPrintable } from './printable.ts';

const HOSTILE = 'gone\u001b[2J\u009b1A\rall good\u0007';

it('removes control sequences from a text, and leaves every letter', () => {
  expect(toPrintable(HOSTILE)).toBe('gone\ufffd[2J\ufffd1A\ufffdall good\ufffd');
  expect(toPrintable('naïve\n\tעברית 😀')).toBe('naïve\n\tעברית 😀');
});

it('is applied to every failure', () => {
  const failure = Object.assign(new Error(HOSTILE), { code: 'timeout' });
  expect(describeFailure(failure)).toBe(`internal error: ${toPrintable(HOSTILE)}`);
});
