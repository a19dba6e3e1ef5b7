import { keepsLead } from './clause-lead.ts';
import { type Clause, countDenials, readClauses, readMood } from './clauses.ts';
import { isDenial, isLink, isStopWord, stemWord, type Word } from './words.ts';

/** Share of the content words of a memory that must stand in its quote. */
const MIN_SUPPORTED_SHARE = 0.6;

/** Ends of a verb in the present and in the past. */
const [PRESENT, PAST] = [/[^s]s$/, /[^e]ed$/];
const IS = new Set(['is', 'are', 'am', 'has', 'have', 'own', 'owns', "i'm", "we're", "i've", "we've"]);
const WAS = new Set(['was', 'were', 'had']);
const PERFECT = new Set(['have', 'has', "i've", "we've", 'since']);

/** A clause supports only texts about its subject, and a denied or hedged one only texts that are so too. */
export function findUnsupportedWords(
  words: readonly Word[],
  stated: string,
  hasDate: boolean,
): 'denial' | 'subject' | 'words' | undefined {
  const clauses = readClauses(stated);
  const denials = countDenials(words);
  if (denials > clauses.reduce((sum, clause) => sum + clause.denials, 0)) return 'denial';
  const content = words.filter(({ plain, kind }) => kind === 'word' && !isStopWord(plain) && !isDenial(plain));
  if (content.length === 0) return hasDate || words.some(({ kind }) => kind === 'number') ? undefined : 'words';
  const about = clauses.filter((clause) => isAbout(words, clause));
  if (
    denials > 0 &&
    !sharesWord(
      content,
      about.filter((clause) => clause.denials > 0),
    )
  )
    return 'denial';
  const mood = readMood(words);
  const used = about.filter(
    ({ isHedged, isLoss, ...clause }) =>
      (denials > 0 || clause.denials === 0) && (mood.isHedged || !isHedged) && (mood.isLoss || !isLoss),
  );
  const kept = used.filter(
    (clause) => !isOfSpeaker(words) || clause.other.length > 0 || keepsLead(words, clause.words),
  );
  if (isKnown(content, kept) && !isPast(words, kept)) return undefined;
  if (isKnown(content, about)) return 'denial';
  return isKnown(content, clauses) ? 'subject' : 'words';
}

const isOfSpeaker = (words: readonly Word[]): boolean =>
  words.some(({ plain }) => plain === 'user' || plain === 'assistant');

/** Returns whether a text may be about the subject of a clause. */
function isAbout(words: readonly Word[], { other, isAddressed }: Clause): boolean {
  if (!isOfSpeaker(words)) return true;
  const named = words.flatMap(({ plain }) => [plain, stemWord(plain)]);
  return !isAddressed && (other.length === 0 || other.some((one) => named.includes(one)));
}

const listWords = (clauses: readonly Clause[]): readonly Word[] => clauses.flatMap(({ words }) => words);

/** Returns whether a denial is about a word of the text: `not for driving` denies nothing about glasses. */
function sharesWord(content: readonly Word[], clauses: readonly Clause[]): boolean {
  const known = listWords(clauses).map(({ plain }) => stemWord(plain));
  return content.some(({ plain }) => known.includes(stemWord(plain)));
}

/** Each word stands in the clauses or only links others, and enough of them stand there. */
function isKnown(content: readonly Word[], clauses: readonly Clause[]): boolean {
  const known = new Set(listWords(clauses).map(({ plain }) => stemWord(plain)));
  const missing = content.filter(({ plain }) => !known.has(stemWord(plain)));
  const share = (content.length - missing.length) / content.length;
  return share >= MIN_SUPPORTED_SHARE && missing.every(({ plain }) => isLink(plain));
}

/** Returns whether a verb is in the present that the clauses have in the past alone: `lived` supports no `lives`, and `had` no `has`. */
function isPast(text: readonly Word[], clauses: readonly Clause[]): boolean {
  const past = listWords(clauses.filter((clause) => !isPerfect(clause)));
  const isIn = (words: readonly Word[], set: ReadonlySet<string>): boolean => words.some(({ plain }) => set.has(plain));
  if (isIn(text, IS) && !isIn(text, WAS) && isIn(past, WAS) && !isIn(listWords(clauses), IS)) return true;
  return text.some(({ plain }) => {
    if (!PRESENT.test(plain) || isStopWord(plain)) return false;
    const same = past.filter((word) => stemWord(word.plain) === stemWord(plain));
    return same.length > 0 && same.every((word) => PAST.test(word.plain));
  });
}

/** `I have lived here since May` is a present fact. */
const isPerfect = ({ words }: Clause): boolean => words.some(({ plain }) => PERFECT.has(plain));
