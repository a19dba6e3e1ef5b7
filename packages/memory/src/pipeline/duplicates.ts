import { readMood } from './clauses/mood.ts';
import { isCapitalised, isDenial, readWords, stemWord } from './words.ts';

interface ComparedText {
  readonly text: string;
  readonly subject: string;
}

const SHINGLE_WORDS = 3;
/** Share of common shingles from which texts are the same. */
const MIN_SHINGLE_SHARE = 0.8;
/** Cosine from which texts are the same. */
const MIN_DUPLICATE_COSINE = 0.95;

/**
 * Returns whether two texts say the same (docs/spec/memory.md#duplicates). Texts that differ in a number, a name, a negation or a wish never
 * do, as their vectors are close all the same.
 * @param cosine of the vectors of both.
 */
export function isDuplicate(a: ComparedText, b: ComparedText, cosine: number): boolean {
  if (a.subject.toLowerCase() !== b.subject.toLowerCase()) return false;
  const [one, other] = [readFeatures(a.text), readFeatures(b.text)];
  if (one.plain === other.plain) return true;
  if (one.facts !== other.facts) return false;
  return cosine >= MIN_DUPLICATE_COSINE || computeShare(one.shingles, other.shingles) >= MIN_SHINGLE_SHARE;
}

function readFeatures(text: string) {
  const words = readWords(text);
  const stems = words.map(({ plain }) => stemWord(plain));
  const facts = words.flatMap((word, index) => {
    if (isDenial(word.plain)) return ['not'];
    return word.kind === 'number' || (index > 0 && isCapitalised(word)) ? [word.plain] : [];
  });
  const count = Math.max(1, stems.length - SHINGLE_WORDS + 1);
  const shingles = Array.from({ length: count }, (_, at) => stems.slice(at, at + SHINGLE_WORDS).join(' '));
  return {
    plain: words.map(({ plain }) => plain).join(' '),
    facts: [...facts, ...Object.entries(readMood(words)).flat().map(String)].sort().join(' '),
    shingles: new Set(shingles),
  };
}

/** Common entries, as a share of all. */
function computeShare(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const common = [...a].filter((entry) => b.has(entry)).length;
  return common / (a.size + b.size - common);
}

/** Cosine of two vectors of unit length; 0 for different lengths. */
export function computeCosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
