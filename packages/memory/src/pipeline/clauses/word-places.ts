import { isCapitalised, isStopWord, stemWord, type Word } from '../words.ts';
import { isNeutral } from './neutral-words.ts';
import { namesSpeaker } from './subject.ts';

const isContent = (word: Word | undefined): word is Word =>
  word !== undefined && word.kind === 'word' && !isStopWord(word.plain);
const isName = (word: Word): boolean => isCapitalised(word) && !isNeutral(word);
const stem = ({ plain }: Word): string => stemWord(plain);

/**
 * Returns whether the words of a text stand behind the same words as in its quote, and its numbers before them. `I was born in Rome and live
 * in Oslo` supports no `lives in Rome`, and `3 cats and 2 dogs` no `2 cats`.
 * @param clauses words of the clauses that support the text. @param stated stems of all clauses.
 */
export function keepsPlaces(
  text: readonly Word[],
  clauses: readonly (readonly Word[])[],
  stated: ReadonlySet<string>,
): boolean {
  const known = new Set(clauses.flat().map(stem));
  return text.every((word, at) => {
    const places = clauses.flatMap((clause) =>
      clause.flatMap((one, place) => (stem(one) === stem(word) ? [{ words: clause, at: place }] : [])),
    );
    if (isStopWord(word.plain) || !stated.has(stem(word))) return true;
    const here = { words: text, at };
    return places.some((there) => isCounted(here, there) ?? isGoverned(here, there, known));
  });
}

/** A word among others. */
interface Place {
  readonly words: readonly Word[];
  readonly at: number;
}

/** Finds the last word of content before a place. It is no name, but before a number. */
const findGovernor = ({ words, at }: Place): Word | undefined =>
  words.slice(0, at).findLast((word) => isContent(word) && (words[at]?.kind === 'number' || !isName(word)));

/** @param known stems of all clauses. */
function isGoverned(here: Place, there: Place, known: ReadonlySet<string>): boolean {
  const [governor, quoted] = [findGovernor(here), findGovernor(there)];
  const kept = new Set(here.words.map(stem));
  if (governor === undefined || !known.has(stem(governor)) || quoted === undefined || kept.has(stem(quoted)))
    return true;
  const from = there.words.findIndex((word) => stem(word) === stem(governor));
  // A clause without a speaker goes on with a list.
  if (from < 0) return here.words[here.at]?.kind === 'word' && !namesSpeaker(there.words);
  const between = there.words.slice(from, there.at);
  const behindAnd = between.slice(between.findLastIndex(({ plain }) => plain === 'and') + 1);
  const isJoined = behindAnd.length < between.length;
  return from < there.at && (!isJoined || behindAnd.every((word) => !isContent(word) || kept.has(stem(word))));
}

/**
 * Returns whether a number counts the same things: one of the words up to the next word without content is equal. Undefined where it counts
 * none.
 */
function isCounted(here: Place, there: Place): boolean | undefined {
  if (here.words[here.at]?.kind !== 'number') return undefined;
  const [counted, quoted] = [readRun(here), readRun(there)];
  return counted.length === 0 || quoted.length === 0 ? undefined : counted.some((one) => quoted.includes(one));
}

function readRun({ words, at }: Place): readonly string[] {
  const behind = words.slice(at + 1);
  const end = behind.findIndex((word) => !isContent(word));
  return behind.slice(0, end < 0 ? behind.length : end).map(stem);
}
