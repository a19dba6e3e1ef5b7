import { isStopWord, stemWord, type Word } from '../words.ts';

/** Ends of a verb in the present and in the past. */
const [PRESENT, PAST] = [/[^s]s$/, /[^e]ed$/];
const IS = new Set(['is', 'are', 'am', 'has', 'have', 'own', 'owns', "i'm", "we're", "i've", "we've"]);
const WAS = new Set(['was', 'were', 'had']);
/** `I have lived here since May` is a present fact. */
const PERFECT = new Set(['have', 'has', "i've", "we've", 'since']);

const isIn = (words: readonly Word[], set: ReadonlySet<string>): boolean => words.some(({ plain }) => set.has(plain));

/** Returns whether a text states in the present what a clause has in the past: `lived` supports no `lives`, and `had` no `has`. */
export function makesPresent(text: readonly Word[], clause: readonly Word[]): boolean {
  if (isIn(clause, PERFECT)) return false;
  if (isIn(text, IS) && !isIn(text, WAS) && isIn(clause, WAS) && !isIn(clause, IS)) return true;
  return text.some(({ plain }) => {
    if (!PRESENT.test(plain) || isStopWord(plain)) return false;
    const same = clause.filter((word) => stemWord(word.plain) === stemWord(plain));
    return same.length > 0 && same.every((word) => PAST.test(word.plain));
  });
}
