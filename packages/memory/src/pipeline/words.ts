/** A word or a number of a text. */
export interface Word {
  /** As it stands in the text. */
  readonly written: string;
  /** In lower case, without a possessive `'s`. Numbers have digits without commas. */
  readonly plain: string;
  readonly kind: 'word' | 'number';
}

/** Scripts without white space between words: each character is a word. */
const SINGLE =
  '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}]';
const WORD = new RegExp(`\\d+(?:[.,:]\\d+)*|${SINGLE}|(?:(?!${SINGLE})[\\p{L}\\p{M}])+(?:['’]\\p{L}+)*`, 'gu');

const UNITS = [
  'zero',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
];
const TEENS = ['thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen'];
const TENS = ['twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
const NUMBER_WORDS: ReadonlyMap<string, number> = new Map([
  ...[...UNITS, ...TEENS].map((word, value): [string, number] => [word, value]),
  ...TENS.map((word, index): [string, number] => [word, 10 * (index + 2)]),
]);

/** Words without content of their own. */
const STOP_WORDS = new Set([
  ...'a an the this that these those and or but because although though so as if than then too also just'.split(' '),
  ...'very really of in on at by for from to with about into over after before under between'.split(' '),
  ...'during until while is am are was were be been being do does did done doing has have'.split(' '),
  ...'had having will would can could should may might must shall i me my mine myself we us'.split(' '),
  ...'our ours you your yours he him his she her hers it its they them their theirs who'.split(' '),
  ..."there here whom whose which what when where how why i'm i've i'd i'll it's that's user assistant".split(' '),
  ...'says said states mentioned name names named called age aged year years old'.split(' '),
]);

/** Words that deny a statement. */
const DENIALS = new Set([
  ...'not no never none nobody nothing neither nor without cannot stop stopped quit avoid avoids'.split(' '),
  ...'dislike dislikes hate hates lack lacks refuse refuses unable'.split(' '),
]);

/** Reads the words of a text, in order. */
export function readWords(text: string): readonly Word[] {
  const found = [...text.normalize('NFKC').matchAll(WORD)].map(([written]) => toWord(written));
  return joinTens(found);
}

function toWord(written: string): Word {
  if (/^\d/.test(written)) return { written, plain: written.replaceAll(',', ''), kind: 'number' };
  const plain = written.toLowerCase().replaceAll('’', "'").replace(/'s$/, '');
  const value = NUMBER_WORDS.get(plain);
  // `one` is a pronoun as often as a number.
  if (value === undefined || plain === 'one') return { written, plain, kind: 'word' };
  return { written, plain: `${value}`, kind: 'number' };
}

/** Joins `twenty` and `five`. */
function joinTens(words: readonly Word[]): readonly Word[] {
  const joined: Word[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    const unit = NUMBER_WORDS.get(word.written.toLowerCase());
    const isTen = before !== undefined && TENS.includes(before.written.toLowerCase());
    if (isTen && unit !== undefined && unit >= 1 && unit <= 9) {
      const written = `${before.written} ${word.written}`;
      joined.splice(-1, 1, { written, plain: `${Number(before.plain) + unit}`, kind: 'number' });
    } else joined.push(word);
  }
  return joined;
}

export const isStopWord = (plain: string): boolean => STOP_WORDS.has(plain);

export const isDenial = (plain: string): boolean => DENIALS.has(plain) || plain.endsWith("n't");

/** Starts with a capital letter, in a script that has them. */
export const isCapitalised = ({ written, kind }: Word): boolean => kind === 'word' && /^\p{Lu}/u.test(written);

const ENDINGS = ['ations', 'ation', 'ingly', 'edly', 'ings', 'ing', 'ers', 'er', 'ed', 'es', 'ly', 's'];
/** Letters that stay at least. */
const MIN_STEM = 3;

/** Cuts a common English ending off, so that `moved` and `moving` are equal. Words of other languages mostly stay. */
export function stemWord(plain: string): string {
  const ending = ENDINGS.find((one) => plain.endsWith(one) && plain.length - one.length >= MIN_STEM);
  const stem = ending === undefined || plain.endsWith('ss') ? plain : plain.slice(0, -ending.length);
  if (stem.length > MIN_STEM && /[eiy]$/.test(stem)) return stem.slice(0, -1);
  return stem !== plain && /([^aeiouls])\1$/.test(stem) ? stem.slice(0, -1) : stem;
}

/** Words of a memory that need not stand in its quote: they say how a thing belongs to a person, and not which thing. */
const LINKS = new Set(
  [
    ...'live reside work like enjoy love prefer favourite favorite own keep use want wish hope plan intend need'.split(
      ' ',
    ),
    ...'try think believe know go goes went gone travel visit move come become get receive give take make buy'.split(
      ' ',
    ),
    ...'begin start continue finish end happen attend play practise practice study learn currently now recently previously formerly new'.split(
      ' ',
    ),
    ...'old also often usually always sometimes regularly together year time person interest enthusiast fan hobby experience feel describe'.split(
      ' ',
    ),
    ...'express report share tell ask remember reside located based born'.split(' '),
  ].map(stemWord),
);

export const isLink = (plain: string): boolean => LINKS.has(stemWord(plain));

/** Writes a text without differences of case, punctuation and white space. */
export const normaliseText = (text: string): string =>
  readWords(text)
    .map(({ plain }) => plain)
    .join(' ');
