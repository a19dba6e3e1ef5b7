import { expect, it } from 'vitest';
import { cutText } from './cut-text.ts';

it.each(['', 'short', 'x'.repeat(4_000), '\u{1f600}'.repeat(700), `a${'\u00e9\u20ac\u{1f600}'.repeat(300)}`])(
  'is the same text, in pieces of whole characters: %#',
  (text) => {
    const pieces = cutText(text, 512);
    expect(pieces.join('')).toBe(text);
    for (const piece of pieces) {
      expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(512);
      expect(piece).not.toContain('\ufffd');
    }
    expect(pieces.length).toBeLessThanOrEqual(Math.max(1, Math.ceil(Buffer.byteLength(text) / 509)));
  },
);
