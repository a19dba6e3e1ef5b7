import { isStopWord, stemWord, type Word } from '../words.ts';
import { isNeutral } from './neutral-words.ts';
import { isDetermined, isInFirstPerson, isSpeakerSubject } from './subject.ts';

/** They begin the time or the place of a statement. */
const PREPOSITIONS = new Set([
  ...'in on at since after before during from for with without by until when while as between under over'.split(' '),
]);
/** Before a shared word they say that it is another thing or person: `I live with a vegan`. */
const OF_ANOTHER = new Set('with against about than unlike from of'.split(' '));
const OWNERS = new Set(['my', 'our']);
const OWNING = new Set(['own', 'owns', 'has', 'have']);

/**
 * Returns whether a text keeps the beginning of a clause, up to its first term that both share. `I turned down a job` supports no
 * `has a job`, because `turned` is left out.
 * @param text words of the text. @param clause in English: it has a word of the first person, or begins with an article.
 */
export function keepsLead(text: readonly Word[], clause: readonly Word[]): boolean {
  if (!isInFirstPerson(clause) && !isDetermined(clause)) return true;
  const stems = new Set(text.map(({ plain }) => stemWord(plain)));
  const isShared = ({ plain }: Word): boolean => stems.has(stemWord(plain)) && !isStopWord(plain);
  const first = clause.findIndex(isShared);
  if (first < 0) return true;
  const isOwned = OWNERS.has(clause[first - 1]?.plain ?? '') && text.some(({ plain }) => OWNING.has(plain));
  const lead = clause.slice(skipPlace(clause), first);
  const isOfAnother = lead.some(({ plain }) => OF_ANOTHER.has(plain) && !text.some((word) => word.plain === plain));
  return isOwned || (!isOfAnother && lead.every((word) => isNeutral(word) || isSpeakerSubject(word)));
}

/** `In my novel I play the cello` is no fact of the speaker. */
const FICTION = new Set('game novel dream dreams film movie book play story show'.split(' '));

/** Returns the place of the speaker behind words such as `after the divorce`, or 0. */
function skipPlace(clause: readonly Word[]): number {
  const speaker = clause.findIndex(isSpeakerSubject);
  const isPlace = PREPOSITIONS.has(clause[0]?.plain ?? '') && speaker > 0;
  return isPlace && !clause.slice(0, speaker).some(({ plain }) => FICTION.has(plain)) ? speaker : 0;
}
