import type { Fragment, FragmentKind } from './fragment.ts';
import { countWords, splitSentences } from './sentences.ts';
import { HOUSE_WORDS } from './words.ts';

export type RuleName = 'head' | 'length' | 'word';

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: RuleName;
  readonly sentence: string;
  readonly advice: string;
}

/** Most words of a sentence by kind. */
const MAX_WORDS: Readonly<Record<FragmentKind, number>> = {
  comment: 25,
  message: 25,
  test: 25,
  commit: 25,
  doc: 30,
  heading: 30,
};

const PRONOUN = 'who|whoever|whom|whomever|whose|what|whatever|which|whichever';
const PREPOSITION =
  'of|by|to|from|for|with|without|on|in|at|about|against|under|after|before|beside|behind|between|into|over|through|than|as to';
const HEAD = new RegExp(
  `^(?:(?:and|but|or|so|then|also|only|just|all|that is,?|nor) )?(?:(?:${PREPOSITION}) )?(?:${PRONOUN})\\b|^(?:of |by |to )?that which\\b|^where (?:nothing|nobody|no one|none)\\b`,
  'i',
);
const LEADING_SIGNS = /^[([*_'’\-–—\s]+/;

/** A sentence begins at its start, and again after a semicolon or a colon. */
function findHead(masked: string): string | undefined {
  return masked
    .split(/[;:] /)
    .map((clause) => HEAD.exec(clause.replace(LEADING_SIGNS, ''))?.[0])
    .find((head) => head !== undefined);
}

/** A title such as "What it measures" is no sentence. */
const isTitle = (kind: FragmentKind, masked: string): boolean => kind === 'heading' && countWords(masked) <= 6;

/** Checks one fragment. Questions may begin with "who" or "what". */
export function checkFragment(path: string, fragment: Fragment): Finding[] {
  const findings: Finding[] = [];
  for (const { line, text, masked, isQuestion } of splitSentences(fragment)) {
    const add = (rule: RuleName, advice: string): void =>
      void findings.push({ path, line, rule, sentence: text, advice });
    const head = isQuestion || isTitle(fragment.kind, masked) ? undefined : findHead(masked);
    if (head !== undefined) add('head', `begins with "${head}": name the role or the thing as the subject`);
    const words = countWords(masked);
    const limit = MAX_WORDS[fragment.kind];
    if (words > limit) add('length', `has ${words} words, more than ${limit}: split it or use a list`);
    for (const { word, pattern, unless, allowedIn, useInstead } of HOUSE_WORDS) {
      if (allowedIn?.test(path) || unless?.test(masked) || !pattern.test(masked)) continue;
      add('word', `uses the house word ${word}: write ${useInstead}`);
    }
  }
  return findings;
}
