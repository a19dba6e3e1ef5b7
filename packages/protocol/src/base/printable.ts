/**
 * Characters that a terminal obeys instead of showing. They are control characters of both sets (C0 and C1), marks of the
 * direction of text, and Unicode's line ends.
 */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Returns a stranger's text as a terminal may show it. Characters that could move the cursor, hide a line, set the clipboard or reorder
 * a line become U+FFFD. Line feeds and tabs stay.
 */
export const toPrintable = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'));
