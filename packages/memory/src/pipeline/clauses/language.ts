import { isDenial, isLink, isStopWord, stemWord, type Word } from '../words.ts';
import { isNeutralWord } from './neutral-words.ts';

/** Frequent words of German, French, Spanish, Italian, Portuguese, Dutch, Nordic and Slavic languages that are rare in English. */
const FOREIGN = new Set([
  ...'ich bin ist nicht kein keine und der das dem den ein eine mein meine wir sie er wenn aber habe haben'.split(' '),
  ...'je ne pas jamais est suis une le la les des du mon ma mes nous il elle si mais avec chez ai'.split(' '),
  ...'yo es soy un una el los las mi mis nunca pero con si en ella nosotros tengo'.split(' '),
  ...'io non sono mia mio che per della di ho ha anche eu minha meu nao não sou uma tenho'.split(' '),
  ...'jest nie się sie mam mój moj jsem není mám můj'.split(' '),
  ...'ik ben niet een het mijn geen wij heb jeg ikke jag inte og och min mitt har er på'.split(' '),
]);
/** English words that are frequent words of other languages too. */
const SHARED = new Set('a an as also am do has hat he in is me no of on or so was we will use come'.split(' '));
/** Frequent words of English with content. */
const ENGLISH = new Set(
  'since ago still only both another many much more most went got moved sold bought every'.split(' '),
);
const FOREIGN_SCRIPT = /[^\p{Script=Latin}\p{M}'’]/u;

/**
 * Returns whether a sentence is English: it has more frequent words of English than of other languages. The rules for clauses read English
 * alone.
 */
export function isEnglish(words: readonly Word[]): boolean {
  const letters = words.filter(({ kind }) => kind === 'word');
  const foreign = letters.filter(({ plain }) => FOREIGN.has(plain) || FOREIGN_SCRIPT.test(plain)).length;
  return letters.filter(isMarker).length > foreign;
}

/** `i` in lower case is a word of Nordic languages. */
function isMarker({ plain, written }: Word): boolean {
  if (FOREIGN.has(plain) || SHARED.has(plain) || written === 'i') return false;
  return ENGLISH.has(plain) || isStopWord(plain) || isDenial(plain) || isLink(plain) || isNeutralWord(plain);
}

/** Returns whether a text is a sentence word for word, with no word of content beside it. */
export function repeatsSentence(text: readonly Word[], sentence: readonly Word[]): boolean {
  const [stems, wanted] = [text, sentence].map((words) => words.map(({ plain }) => stemWord(plain))) as [
    string[],
    string[],
  ];
  const at = stems.findIndex((_, start) => wanted.every((stem, index) => stems[start + index] === stem));
  const beside = at < 0 ? text : [...text.slice(0, at), ...text.slice(at + sentence.length)];
  return at >= 0 && beside.every(({ plain, kind }) => kind === 'word' && isStopWord(plain));
}
