import { describe, expect, it } from 'vitest';
import { createWordWrap } from './word-wrap.ts';

function wrap(pieces: readonly string[], columns: number | undefined): string {
  let shown = '';
  const text = createWordWrap(
    (piece) => (shown += piece),
    () => columns,
  );
  for (const piece of pieces) text.write(piece);
  text.end();
  return shown;
}

describe('streamed text on a terminal', () => {
  it('wraps between words, wherever the pieces end', () => {
    const text = 'The lighthouse was dark and the sea was loud.';
    const expected = 'The lighthouse\nwas dark and the\nsea was loud.';
    expect(wrap([text], 16)).toBe(expected);
    expect(wrap([...text], 16)).toBe(expected);
    expect(wrap(['The light', 'house wa', 's dark and', ' the sea', ' was loud.'], 16)).toBe(expected);
  });

  it('shows a word as soon as it ends, and the rest at the end', () => {
    const pieces: string[] = [];
    const text = createWordWrap(
      (piece) => void pieces.push(piece),
      () => 20,
    );
    text.write('one tw');
    expect(pieces).toEqual(['one']);
    text.write('o ');
    expect(pieces.join('')).toBe('one two');
    text.write('three');
    text.end();
    expect(pieces.join('')).toBe('one two three');
  });

  it.each<[string, string, number | undefined, string]>([
    ['without a known width leaves all as it is', 'a bc  d ', undefined, 'a bc  d '],
    ['keeps line breaks, empty lines and the indent of a line', 'a\n\n  - b c\n', 20, 'a\n\n  - b c\n'],
    ['fills a line to its last column', 'abcd efgh ijkl', 9, 'abcd efgh\nijkl'],
    ['leaves a word that is longer than a line to the terminal', `a ${'x'.repeat(25)} b`, 10, `a\n${'x'.repeat(25)} b`],
    ['breaks between wide characters, which take two columns', '日本語日本語', 6, '日本語\n日本語'],
    ['counts marks as no column', 'e\u0301e\u0301 ab', 5, 'e\u0301e\u0301 ab'],
    ['leaves code to the terminal', '```\na b c d e f\n```\na b c d', 5, '```\na b c d e f\n```\na b c\nd'],
  ])('%s', (_what, text, columns, expected) => {
    expect(wrap([text], columns)).toBe(expected);
    expect(wrap([...text], columns)).toBe(expected);
  });
});
