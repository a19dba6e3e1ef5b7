import { isInFirstPerson } from './clauses/subject.ts';
import { readWords } from './words.ts';

/**
 * Words between quotation marks, a line behind `>`, or a block behind three backticks. Also a mail behind its header, or text between marks
 * of a chat template. Single quotation marks enclose at most 400 units, because apostrophes look like them.
 */
const QUOTED = new RegExp(
  [
    '(?<=^|[\\s([:,])"(?=\\S)(?:[^"\\n]|\\n(?![^\\S\\n]*\\n))*"',
    "(?<=^|[\\s([:,])'(?=\\S)(?:[^'\\n]|'(?=\\p{L})){1,400}'(?!\\p{L})",
    '<\\|\\w+\\|>[\\s\\S]*<\\|\\w+\\|>',
    '^From: [\\s\\S]{1,1000}?^Subject: [\\s\\S]*',
    ...['“[^“”]*”', '«[^«»]*»', '^[^\\S\\n]*>.*$', '```[\\s\\S]*?(?:```|$(?![^]))'],
  ].join('|'),
  'gmu',
);
/** The name of a speaker at the beginning of a line. */
const LABEL = /^[^\S\n]*[*_]{0,2}(\p{L}[\p{L} ]{0,30}?)[*_]{0,2}:[*_]{0,2}[^\S\n]+\S.*$/gmu;
const ROLES = new Set(['user', 'human', 'assistant', 'ai', 'bot', 'system']);
const BLANK_LINE = /\n[^\S\n]*\n/gu;

/**
 * Removes words of other people from a message (docs/spec/memory.md#quoted-speech): quotations in the first person, and transcripts.
 * @returns the parts around them, in order.
 */
export function removeQuotedSpeech(text: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (const { start, end } of [...findTranscript(text), ...findQuotations(text)].sort((a, b) => a.start - b.start)) {
    if (start < from) continue;
    parts.push(text.slice(from, start));
    from = end;
  }
  return [...parts, text.slice(from)].filter((part) => part !== '');
}

interface Range {
  readonly start: number;
  readonly end: number;
}

const findQuotations = (text: string): readonly Range[] =>
  [...text.matchAll(QUOTED)]
    .filter(([quoted]) => isInFirstPerson(readWords(quoted)))
    .map(({ 0: quoted, index }) => ({ start: index, end: index + quoted.length }));

/**
 * Finds a transcript: it has a label of a role, or two labels of which one comes again. It goes from its first label to the end of the
 * paragraph with its last one.
 */
function findTranscript(text: string): readonly Range[] {
  const lines = [...text.matchAll(LABEL)].map(({ 0: line, 1: label = '', index }) => ({
    line,
    label: label.toLowerCase(),
    index,
  }));
  const counts = new Map<string, number>();
  for (const { label } of lines) counts.set(label, (counts.get(label) ?? 0) + 1);
  const isDialogue = counts.size > 1 && lines.length > counts.size;
  const speaking = isDialogue ? lines : lines.filter(({ label }) => ROLES.has(label));
  const [first, last] = [speaking[0], speaking.at(-1)];
  if (first === undefined || last === undefined) return [];
  BLANK_LINE.lastIndex = last.index;
  return [{ start: first.index, end: BLANK_LINE.exec(text)?.index ?? text.length }];
}
