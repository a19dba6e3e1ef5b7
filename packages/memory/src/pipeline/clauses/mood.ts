import { isDenial, type Word } from '../words.ts';

/** Conditions of a statement that change its truth: a text that rests on it has them too. */
export interface Mood {
  /** It states a wish, a plan, a duty, a condition or a past habit, and no present fact. */
  readonly isHedged: boolean;
  /** It says that something is gone or left out. */
  readonly isLoss: boolean;
}

const toSet = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** They hold for their whole sentence. */
const CONDITION =
  /\b(?:if|unless|whether|in case|as long as|assuming|provided|providing|suppose|supposing|otherwise)\b/iu;
/** Begins a question, or a condition such as `had I known`. */
const INVERTED = new RegExp(
  [
    '^[^\\p{L}]*(?:(?:what|why|how|when|where|who)\\s+)?(?:(?:is|are|should)\\s+(?:my|our|the)',
    '(?:am|is|are|was|were|do|does|did|has|have|had|can|could|should|would|will|shall|may|might)\\s+(?:i|we|you|he|she|it|they|there|any\\p{L}*))\\b',
  ].join('|'),
  'iu',
);

/** Returns whether a sentence is a condition or a question. */
export const isConditional = (sentence: string): boolean => CONDITION.test(sentence) || INVERTED.test(sentence);

const HEDGES = new Set([
  ...'would could should might maybe perhaps possibly nearly almost formerly previously will shall'.split(' '),
  ...'wish wishes wished hope hopes hoped hoping want wants wanted wanting plan plans planned planning'.split(' '),
  ...'goal consider considers considering intend intends intending dream dreams dreaming thinking'.split(' '),
  ..."i'd we'd he'd she'd they'd i'll we'll he'll she'll they'll".split(' '),
  ...'if unless whether'.split(' '),
]);
/** `used to` after one of these is no past habit: `I am used to rain`. */
const USED_TO_STATES = toSet("am are is was were be been being get got getting i'm we're");
/** Words before `to` that state a duty or a plan. `going to` before one of `PLACES` is a way. */
const DUTIES = toSet('have has had got supposed ought going');
const PLACES = toSet('a an the my our his her their this that school work bed church town');
const LOSSES = toSet(
  'sold sell sells selling lost lose loses losing donated donate donates away miss misses missed cancel cancels cancelled canceled rid except excluding barring apart',
);

export const readMood = (words: readonly Word[]): Mood => ({
  isHedged: words.some(
    ({ plain, written }, at) => HEDGES.has(plain) || written === 'may' || isHedgeBeforeTo(words, at),
  ),
  isLoss: words.some(({ plain }) => LOSSES.has(plain)),
});

function isHedgeBeforeTo(words: readonly Word[], at: number): boolean {
  const [before, { plain } = { plain: '' }, to, next] = [
    words[at - 1]?.plain ?? '',
    words[at],
    words[at + 1],
    words[at + 2],
  ];
  if (to?.plain !== 'to' || next === undefined) return false;
  if (plain === 'used') return !USED_TO_STATES.has(before);
  const isWay = plain === 'going' && (PLACES.has(next.plain) || /^\p{Lu}/u.test(next.written));
  return DUTIES.has(plain) && !isWay;
}

/** Places of the words that deny. `nothing but` and `not only` deny nothing, `anything but` does. */
export const findDenials = (words: readonly Word[]): readonly number[] =>
  words.flatMap(({ plain }, at) => {
    const next = words[at + 1]?.plain;
    if (next === 'but' && plain === 'anything') return [at];
    return isDenial(plain) && next !== 'but' && !(plain === 'not' && next === 'only') ? [at] : [];
  });
