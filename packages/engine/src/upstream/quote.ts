const MOST = 200;
/** Letters that end a line, move a cursor or turn text around. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu;

/** Quotes a server's text for a line of a log or of an error: short, printable, and without the key that it was called with. */
export function quote(words: string, key: string | undefined): string {
  const hidden = key === undefined || key === '' ? words : words.replaceAll(key, '[key]');
  const line = hidden
    .slice(0, 4 * MOST)
    .replace(UNPRINTABLE, ' ')
    .trim();
  return line.length > MOST ? `${line.slice(0, MOST)}...` : line;
}
