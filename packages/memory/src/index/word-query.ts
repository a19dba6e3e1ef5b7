/** Letters, digits and their marks, as the tokenizer of FTS5 divides a text. */
const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const MAX_WORDS = 32;
const MAX_WORD_LENGTH = 64;

/**
 * Makes a query for texts with any of the words. Words have no quotes, so nothing of the text is read as an operator.
 * @returns undefined if the text has no word.
 */
export function toWordQuery(text: string): string | undefined {
  const words = new Set<string>();
  for (const [word] of text.toLowerCase().matchAll(WORD)) {
    words.add(word.slice(0, MAX_WORD_LENGTH));
    if (words.size === MAX_WORDS) break;
  }
  return words.size === 0 ? undefined : [...words].map((word) => `"${word}"`).join(' OR ');
}
