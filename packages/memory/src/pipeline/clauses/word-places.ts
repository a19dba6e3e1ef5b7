import { isCapitalised, isStopWord, stemWord, type Word } from '../words.ts';
import { isNeutral } from './neutral-words.ts';
import { namesSpeaker } from './subject.ts';

/** A word as it is compared. */
interface ReadWord {
  readonly stem: string;
  readonly isNumber: boolean;
  readonly isContent: boolean;
  /** A name, which governs numbers alone. */
  readonly isName: boolean;
}

interface ReadClause {
  readonly words: readonly ReadWord[];
  /** First place of each stem. */
  readonly firsts: ReadonlyMap<string, number>;
  readonly hasSpeaker: boolean;
}

/** A word among others. */
interface Place {
  readonly clause: ReadClause;
  readonly at: number;
}

const readWord = (word: Word): ReadWord => ({
  stem: stemWord(word.plain),
  isNumber: word.kind === 'number',
  isContent: word.kind === 'word' && !isStopWord(word.plain),
  isName: isCapitalised(word) && !isNeutral(word),
});

function readClause(words: readonly Word[]): ReadClause {
  const read = words.map(readWord);
  const firsts = new Map(read.map(({ stem }, at) => [stem, at] as const).reverse());
  return { words: read, firsts, hasSpeaker: namesSpeaker(words) };
}

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
  const [clause, quoted] = [readClause(text), clauses.map(readClause)];
  return clause.words.every(({ stem, isNumber, isContent }, at) => {
    if (!(isNumber || isContent) || !stated.has(stem)) return true;
    const here = { clause, at };
    const governor = findGovernor(here);
    const isKnown = governor !== undefined && quoted.some(({ firsts }) => firsts.has(governor));
    return findPlaces(stem, quoted).some(
      (there) => (isNumber ? isCounted(here, there) : undefined) ?? (!isKnown || isGoverned(governor, here, there)),
    );
  });
}

const findPlaces = (stem: string, clauses: readonly ReadClause[]): readonly Place[] =>
  clauses.flatMap((clause) => clause.words.flatMap((word, at) => (word.stem === stem ? [{ clause, at }] : [])));

/** Finds the stem of the last word of content before a place. It is no name, but before a number. */
function findGovernor({ clause: { words }, at }: Place): string | undefined {
  for (let before = at - 1; before >= 0; before--) {
    const { stem, isContent, isName } = words[before] as ReadWord;
    if (isContent && (words[at]?.isNumber || !isName)) return stem;
  }
  return undefined;
}

/** @param governor of a word in the text, which stands in a clause. */
function isGoverned(governor: string, { clause, at }: Place, there: Place): boolean {
  const quoted = findGovernor(there);
  if (quoted === undefined || clause.firsts.has(quoted)) return true;
  const { words, firsts, hasSpeaker } = there.clause;
  const from = firsts.get(governor);
  // A clause without a speaker goes on with a list.
  if (from === undefined) return !clause.words[at]?.isNumber && !hasSpeaker;
  const between = words.slice(from, there.at);
  const and = between.findLastIndex(({ stem }) => stem === 'and');
  const isKept = ({ stem, isContent }: ReadWord): boolean => !isContent || clause.firsts.has(stem);
  return from < there.at && (and < 0 || between.slice(and + 1).every(isKept));
}

/** Returns whether a number counts the same things: one of the words up to the next word without content. Undefined if it counts none. */
function isCounted(here: Place, there: Place): boolean | undefined {
  const [counted, quoted] = [readRun(here), readRun(there)];
  return counted.length === 0 || quoted.length === 0 ? undefined : counted.some((one) => quoted.includes(one));
}

function readRun({ clause: { words }, at }: Place): readonly string[] {
  const run: string[] = [];
  for (let behind = at + 1; words[behind]?.isContent; behind++) run.push((words[behind] as ReadWord).stem);
  return run;
}
