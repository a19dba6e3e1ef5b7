/** UTF-16 units of the longest sentence. A longer one is cut at white space. */
const MAX_SENTENCE = 400;

const STOPS = new Set('.!?…。！？');
/** Marks that end a sentence without white space behind them. */
const WIDE_STOPS = new Set('。！？');
const CLOSERS = new Set('"\'”’)]»」』');
const ABBREVIATIONS = new Set(['mr', 'mrs', 'ms', 'dr', 'prof', 'st', 'jr', 'sr', 'vs', 'etc', 'approx', 'e.g', 'i.e']);
/** Units of the longest abbreviation. */
const MAX_ABBREVIATION = 6;

const isSpace = (character: string | undefined): boolean => character !== undefined && /\s/.test(character);

/**
 * Cuts a text into sentences (docs/spec/memory.md#sentences). White space belongs to the sentence before it, so that the sentences one
 * after the other are the text. Takes time linear in the text.
 */
export function cutSentences(text: string): readonly string[] {
  const sentences: string[] = [];
  let from = 0;
  for (const end of findEnds(text)) {
    sentences.push(...cutLong(text.slice(from, end)));
    from = end;
  }
  return sentences;
}

function findEnds(text: string): readonly number[] {
  const ends: number[] = [];
  let at = 0;
  while (at < text.length) {
    const stop = readStop(text, at);
    at = stop.isEnd ? skipSpace(text, stop.at) : stop.at;
    if (stop.isEnd && at < text.length && !/^\s*$/.test(text.slice(ends.at(-1) ?? 0, stop.at))) ends.push(at);
  }
  if (text !== '') ends.push(text.length);
  return ends;
}

/** Reads one character, or all marks of an end. */
function readStop(text: string, at: number): { readonly at: number; readonly isEnd: boolean } {
  if (text[at] === '\n') return { at: at + 1, isEnd: true };
  if (!STOPS.has(text[at] as string)) return { at: at + 1, isEnd: false };
  let end = at;
  while (STOPS.has(text[end] ?? ' ')) end++;
  const isWide = WIDE_STOPS.has(text[end - 1] as string);
  const isAlone = end === at + 1 && text[at] === '.';
  while (CLOSERS.has(text[end] ?? ' ')) end++;
  const isFollowed = isWide || end === text.length || isSpace(text[end]);
  return { at: end, isEnd: isFollowed && !(isAlone && endsInAbbreviation(text, at)) };
}

/** Returns whether the characters before a full stop are an abbreviation or one capital letter. */
function endsInAbbreviation(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - MAX_ABBREVIATION - 1), at);
  const word = /(?:^|[^\p{L}.])([\p{L}.]+)$/u.exec(before)?.[1] ?? '';
  return ABBREVIATIONS.has(word.toLowerCase()) || (/^\p{Lu}$/u.test(word) && word !== 'I');
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text[at])) at++;
  return at;
}

function cutLong(sentence: string): readonly string[] {
  const parts: string[] = [];
  let rest = sentence;
  while (rest.length > MAX_SENTENCE) {
    const space = rest.lastIndexOf(' ', MAX_SENTENCE - 1);
    const end = space > 0 ? space + 1 : avoidHalf(rest, MAX_SENTENCE);
    parts.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  if (rest !== '') parts.push(rest);
  return parts;
}

/** Moves a cut before a surrogate pair that it would part. */
const avoidHalf = (text: string, at: number): number => (/[\uDC00-\uDFFF]/.test(text[at] ?? '') ? at - 1 : at);
