/**
 * A stranger's text as a terminal may show it: control characters, which could move the cursor, hide a line or type commands,
 * become U+FFFD. Line feeds and tabs stay.
 */
export const toPrintable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'));
