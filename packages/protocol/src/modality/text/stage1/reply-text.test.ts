import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../base/bytes.ts';
import { endsAtStop } from './reply-text.ts';

describe('endsAtStop', () => {
  const ends = (tokens: readonly string[], stops: readonly string[]): boolean =>
    endsAtStop(utf8Encode(tokens.join('')), utf8Encode(tokens.at(-1) ?? '').length, stops);

  it.each([
    ['in one token', ['one', ' END'], ['END']],
    ['over several', ['one E', 'N', 'D'], ['END']],
    ['and more text in the same token', ['one', ' END two'], ['END']],
    ['as the first of two', ['a--', 'b##'], ['b#', '##']],
  ])('is true if the last token completes a stop string %s', (_where, tokens, stops) => {
    expect(ends(tokens, stops)).toBe(true);
  });

  it.each([
    ['there is none', ['one', ' EN'], ['END']],
    ['tokens follow it', ['one END', ' two'], ['END']],
    ['an earlier one was missed', ['a--', 'b##'], ['--', '##']],
    ['the reply is empty', [], ['END']],
    ['none was requested', ['one'], []],
  ])('is false if %s', (_why, tokens, stops) => {
    expect(ends(tokens, stops)).toBe(false);
  });
});
