import { expect, it } from 'vitest';
import { formatOverflow, parseOverflow } from './context-overflow.ts';

it('is read from its own words, also inside a longer message', () => {
  const overflow = { promptTokens: 9_000, contextSize: 4_096 };
  expect(parseOverflow(formatOverflow(overflow))).toEqual(overflow);
  expect(parseOverflow(`The provider refuses the request: ${formatOverflow(overflow)}.`)).toEqual(overflow);
});

it.each([
  'the prompt has 9000 bytes; at most 4096 are read',
  'the prompt has many tokens; the context holds 1, and the reply needs at least one',
  'the prompt has 99999999999 tokens; the context holds 1, and the reply needs at least one',
  '',
])('is not read from other words: %s', (message) => expect(parseOverflow(message)).toBeUndefined());
