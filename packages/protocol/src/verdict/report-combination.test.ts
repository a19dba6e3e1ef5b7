import { describe, expect, it } from 'vitest';
import type { WeighedReport } from './report-check.ts';
import { combineEvidence, combineReports, isCharge, isFarOut, isUnconfirmed } from './report-combination.ts';

let number = 0;
/**
 * A report by its letter. Upper case: by equality, all rejects equal. Lower case: by scores. A accepts, R rejects, I decides
 * nothing.
 */
function report(letter: string): WeighedReport {
  const outcomes = { a: 'accept', r: 'reject', i: 'inconclusive' } as const;
  const exact = letter === letter.toUpperCase();
  const outcome = outcomes[letter.toLowerCase() as keyof typeof outcomes];
  const finding = new Uint8Array(32).fill(exact && outcome === 'reject' ? 200 : ++number % 200);
  return { outcome, exact, claimsExact: exact, finding, tokens: 1, checks: [], comparison: undefined };
}
const reports = (letters: string): WeighedReport[] => [...letters].map(report);
/** Splits reports by audit attempt: each group of letters is one attempt. */
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

describe('measured evidence about a reply that is not rejected', () => {
  const measure = (letter: string, eValue: number): WeighedReport => ({
    ...report(letter),
    drift: { outcome: 'accept', pValue: 0.5, eValue, row: 'x', source: 'rank' } as NonNullable<WeighedReport['drift']>,
  });

  it.each([
    ['a', 2.1, true, 'ask-another'],
    ['a', 2.1, false, 'accept'],
    ['a', 2, true, 'accept'],
  ] as const)('%s with e-value %s, others available %s: %s', (letter, eValue, canAskAnother, decision) => {
    expect(combineReports([measure(letter, eValue)], canAskAnother)).toMatchObject({ decision });
  });

  it('is far out only for a single report that does not reject', () => {
    expect(isFarOut([measure('a', 9)])).toBe(true);
    expect(isFarOut([measure('i', 9)])).toBe(true);
    expect(isFarOut([measure('r', 9)])).toBe(false);
    expect(isFarOut([measure('a', 9), measure('a', 0.1)])).toBe(false);
    expect(isFarOut([report('a')])).toBe(false);
    expect(isFarOut([])).toBe(false);
  });

  it.each([
    ['of one', [1e6], 1],
    ['of one in favour of the provider', [0.3], 0.3],
    ['of two', [7, 5], 5],
    ['of one liar among two', [1e6, 0.4], 1],
    ['of one friend among two', [0.1, 7], 1],
    ['of a pair and a third', [5, 5, 0.2], 3.4],
    ['of nobody', [], undefined],
  ] as const)('%s counts as given, and no more than the mean: %j', (_who, eValues, expected) => {
    const combined = combineEvidence(eValues);
    if (expected === undefined) expect(combined).toBeUndefined();
    else expect(combined).toBeCloseTo(expected, 12);
  });
});
