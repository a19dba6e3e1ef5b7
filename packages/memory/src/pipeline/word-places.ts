import { namesSpeaker } from './clause-subject.ts';
import { isNeutral } from './neutral-words.ts';
import { isCapitalised, isStopWord, stemWord, type Word } from './words.ts';

const isContent = (word: Word | undefined): word is Word =>
  word !== undefined && word.kind === 'word' && !isStopWord(word.plain);
const isName = (word: Word): boolean => isCapitalised(word) && !isNeutral(word);
const stem = ({ plain }: Word): string => stemWord(plain);

/**
 * Returns whether the words of a text stand behind the same words as in its quote, and its numbers before them. `I was born in Rome and live
 * in Oslo` supports no `lives in Rome`, and `3 cats and 2 dogs` no `2 cats`.
 * @param clauses words of the clauses that support the text.
 */
export function keepsPlaces(text: readonly Word[], clauses: readonly (readonly Word[])[]): boolean {
  const stems = new Set(text.map(stem));
  const known = new Set(clauses.flat().map(stem));
  return text.every((word, at) => {
    const places = clauses.flatMap((clause) =>
      clause.flatMap((one, place) => (stem(one) === stem(word) ? [{ clause, place }] : [])),
    );
    if (places.length === 0) return true;
    if (word.kind === 'number') return places.some((place) => isCounted(text.slice(at + 1), place));
    const governor = findGovernor(text, at);
    if (!isContent(word) || governor === undefined || !known.has(stem(governor))) return true;
    return places.some((place) => isGoverned(governor, stems, place));
  });
}

interface Place {
  readonly clause: readonly Word[];
  readonly place: number;
}

/** Finds the last word of content before a place that is no name. */
const findGovernor = (words: readonly Word[], at: number): Word | undefined =>
  words.slice(0, at).findLast((word) => isContent(word) && !isName(word));

/** @param governor of a word in the text. */
function isGoverned(governor: Word, stems: ReadonlySet<string>, { clause, place }: Place): boolean {
  const quoted = findGovernor(clause, place);
  if (quoted === undefined || stems.has(stem(quoted))) return true;
  const from = clause.findIndex((word) => stem(word) === stem(governor));
  // A clause without a speaker goes on with a list.
  if (from < 0) return !namesSpeaker(clause);
  const between = clause.slice(from, place);
  const behindAnd = between.slice(between.findLastIndex(({ plain }) => plain === 'and') + 1);
  const isJoined = behindAnd.length < between.length;
  return from < place && (!isJoined || behindAnd.every((word) => !isContent(word) || stems.has(stem(word))));
}

/** Returns whether a number counts the same things: one of the words up to the next word without content is equal. */
function isCounted(behind: readonly Word[], { clause, place }: Place): boolean {
  const [here, there] = [readRun(behind), readRun(clause.slice(place + 1))];
  return here.length === 0 || there.length === 0 || here.some((one) => there.includes(one));
}

function readRun(words: readonly Word[]): readonly string[] {
  const end = words.findIndex((word) => !isContent(word));
  return words.slice(0, end < 0 ? words.length : end).map(stem);
}
