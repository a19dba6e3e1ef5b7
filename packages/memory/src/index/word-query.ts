import { isStopWord } from '../pipeline/words.ts';

/** Letters, digits and their marks, as the tokenizer of FTS5 divides a text. */
const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const MAX_WORDS = 32;
const MAX_WORD_LENGTH = 64;

/**
 * Makes a query for texts with any of the words. Words have no quotes, so nothing of the text is read as an operator. Words without content
 * are left out if there are others. Nearly every memory has them, and their order would count as much as that of the vectors.
 * @returns undefined if the text has no word.
 */
export function toWordQuery(text: string): string | undefined {
  const all = Array.from(text.toLowerCase().matchAll(WORD), ([word]) => word);
  const content = all.filter((word) => !isStopWord(word));
  const chosen = content.length === 0 ? all : content;
  const words = [...new Set(chosen.map((word) => word.slice(0, MAX_WORD_LENGTH)))].slice(0, MAX_WORDS);
  return words.length === 0 ? undefined : words.map((word) => `"${word}"`).join(' OR ');
}
