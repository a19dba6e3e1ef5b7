import { BREAK, type Fragment, MASK, maskQuotations } from './fragment.ts';

export interface Sentence {
  readonly line: number;
  /** As written, with single spaces. */
  readonly text: string;
  /** The same without code and quotations, with single spaces. */
  readonly masked: string;
  readonly isQuestion: boolean;
}

const IN_SENTENCE = /(?:^|[\s(])(?:e\.g|i\.e|cf|vs|approx|resp|al)\.$/i;

/** Some abbreviations are followed by a number, and "etc." goes on with a small letter. Otherwise they end a sentence. */
const isOpen = (before: string, after: string): boolean =>
  (/(?:^|[\s(])(?:nos?|sec|fig|pp?|ca)\.$/i.test(before) && /^\s+\d/.test(after)) ||
  (/\betc\.$/.test(before) && /^\s+\p{Ll}/u.test(after));

const LIST_ITEM = /\n[ \t]*(?:[-*•]|\d+\.)[ \t]+/g;
const END = new RegExp(`[.!?]+[)\\]'’*_${MASK}]*(?=\\s|$|${BREAK})|${BREAK}|\\n[ \\t]*\\n`, 'g');

function listEnds(masked: string): number[] {
  const ends: number[] = [];
  for (const { 0: mark, index } of masked.matchAll(END)) {
    const end = index + mark.length;
    const before = masked.slice(Math.max(0, index - 12), end);
    const isAbbreviation = mark === '.' && (IN_SENTENCE.test(before) || isOpen(before, masked.slice(end)));
    if (!isAbbreviation) ends.push(end);
  }
  for (const { index } of masked.matchAll(LIST_ITEM)) ends.push(index);
  return [...new Set([...ends, masked.length])].sort((a, b) => a - b);
}

const flatten = (text: string): string => text.replaceAll(BREAK, ' ').replace(/\s+/g, ' ').trim();

/** Splits a fragment into sentences. Pieces without a letter are left out. */
export function splitSentences({ text, line }: Fragment): Sentence[] {
  const masked = maskQuotations(text);
  const sentences: Sentence[] = [];
  let start = 0;
  for (const end of listEnds(masked)) {
    const first = start + masked.slice(start, end).search(/[^\s\u2029]|$/);
    const piece = flatten(masked.slice(start, end)).replace(/^(?:[-*•]|\d+\.) /, '');
    if (/[\p{L}\ue000]/u.test(piece)) {
      sentences.push({
        line: line + text.slice(0, first).split('\n').length - 1,
        text: flatten(text.slice(start, end)).replaceAll(MASK, '…'),
        masked: piece,
        isQuestion: /\?[)\]'’*_\ue000]*$/.test(piece),
      });
    }
    start = end;
  }
  return sentences;
}

/** Words of a sentence. A code span, a quotation or a link counts as one word, a sign without letters as none. */
export function countWords(masked: string): number {
  return masked
    .replace(new RegExp(`${MASK}+`, 'g'), MASK)
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}\ue000]/u.test(word)).length;
}
