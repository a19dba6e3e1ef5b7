import { describe, expect, it } from 'vitest';
import type { WeighedReport } from './report-check.ts';
import { combineReports, isCharge, isUnconfirmed } from './report-combination.ts';

let number = 0;
/** Upper case: by equality, all rejects alike. Lower case: by scores. A accepts, R rejects, I decides nothing. */
function report(letter: string): WeighedReport {
  const outcomes = { a: 'accept', r: 'reject', i: 'inconclusive' } as const;
  const exact = letter === letter.toUpperCase();
  const outcome = outcomes[letter.toLowerCase() as keyof typeof outcomes];
  const finding = new Uint8Array(32).fill(exact && outcome === 'reject' ? 200 : ++number % 200);
  return { outcome, exact, claimsExact: exact, finding, checks: [], comparison: undefined };
}
const reports = (letters: string): WeighedReport[] => [...letters].map(report);
/** In each word the reports of one sitting. */
const bySitting = (words: string) =>
  words.split(' ').flatMap((word, sitting) => reports(word).map((weighed) => ({ weighed, sitting })));

describe('exact accepts against rejects by scores', () => {
  it.each([
    ['Ar', true, 'ask-another', []],
    ['Ar', false, 'accept', []],
    ['rrA', true, 'ask-another', []],
    ['rrA', false, 'accept', []],
    ['rrAA', true, 'accept', [0, 1]],
    ['ArA', true, 'accept', [1]],
    ['rrrA', true, 'ask-another', []],
    ['rrrA', false, 'reject', []],
    ['rrrAa', false, 'reject', []],
    ['rrrAaa', false, 'accept', []],
    ['rrrAA', true, 'ask-another', []],
    ['rrrAA', false, 'reject', []],
    ['rrrAAA', true, 'accept', [0, 1, 2]],
  ] as const)('%s, others left %s: %s', (letters, canAskAnother, decision, marked) => {
    expect(combineReports(reports(letters), canAskAnother)).toEqual({ decision, marked });
  });
});

describe('a reject', () => {
  it.each([
    ['r', false, true],
    ['ri', false, true],
    ['rr', true, true],
    ['rrr', true, true],
    ['rra', true, true],
    ['rr r', true, false],
    ['rr a r', true, false],
    ['rr i', true, true],
    ['r r', true, true],
    ['r r r', true, false],
    ['rR', true, true],
    ['rR R', true, true],
    ['R', false, true],
    ['RR', true, true],
    ['RR r', true, true],
    ['RR R', true, false],
  ] as const)('%s: is a charge %s, and unconfirmed %s', (words, charge, unconfirmed) => {
    const heard = bySitting(words);
    expect([isCharge(heard.map(({ weighed }) => weighed)), isUnconfirmed(heard)]).toEqual([charge, unconfirmed]);
  });
});
