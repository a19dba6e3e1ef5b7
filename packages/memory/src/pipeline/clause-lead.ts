import { isDetermined, isInFirstPerson } from './clause-subject.ts';
import { isDenial, isLink, isStopWord, stemWord, type Word } from './words.ts';

/** Words that may stand before a statement and change nothing of it. */
const NEUTRAL = new Set([
  ...'way fact moment ok okay hi hello hey thanks thank please sorry btw update news yes maybe ever always'.split(' '),
  ...'last next day week weekend month morning afternoon evening night spring summer autumn fall winter'.split(' '),
  ...'today yesterday tomorrow tonight lately nowadays monday tuesday wednesday thursday friday saturday'.split(' '),
  ...'sunday january february march april june july august september october november december'.split(' '),
]);
/** Links that state no fact: `I think that I am late`. */
const OPEN_LINKS = new Set([
  ...'want wish hope plan intend need try think believe know describe express report share tell ask remember'.split(
    ' ',
  ),
  ...'interest interested person'.split(' '),
]);
const WEAK_ADVERBS = new Set(['hardly', 'barely', 'scarcely', 'rarely', 'nearly', 'supposedly', 'allegedly']);
/** They begin the time or the place of a statement. */
const PREPOSITIONS = new Set([
  ...'in on at since after before during from for with without by until when while as between under over'.split(' '),
]);
const OWNERS = new Set(['my', 'our']);
const OWNING = new Set(['own', 'owns', 'has', 'have']);
const SPEAKERS = new Set(['i', "i'm", "i've", "i'll", "i'd", 'we', "we're", "we've", "we'll", "we'd"]);

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
  return isOwned || clause.slice(skipPlace(clause), first).every(isNeutral);
}

/** Returns the place of the speaker behind words such as `after the divorce`, or 0. */
function skipPlace(clause: readonly Word[]): number {
  const speaker = clause.findIndex(({ plain }) => SPEAKERS.has(plain));
  return PREPOSITIONS.has(clause[0]?.plain ?? '') && speaker > 0 ? speaker : 0;
}

function isNeutral({ plain, kind }: Word): boolean {
  if (kind === 'number' || isStopWord(plain) || isDenial(plain) || NEUTRAL.has(plain) || SPEAKERS.has(plain))
    return true;
  if (plain.endsWith('ly')) return !WEAK_ADVERBS.has(plain);
  return isLink(plain) && !OPEN_LINKS.has(plain);
}
