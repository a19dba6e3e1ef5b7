import { describe, expect, it } from 'vitest';
import type { WeighedReport } from './report-check.ts';
import {
  type CountedReport,
  combineEvidence,
  combineReports,
  countReports,
  countSilentStake,
  isCharge,
  isFarOut,
  isOutweighedBySilence,
  isUnconfirmed,
} from './report-combination.ts';

let number = 0;
/**
 * A report by its letter. A and a accept, R, S and r reject, i is in doubt. Upper case: by equality; reports of one letter agree
 * to the bit. F rejects by a fact. d is in doubt by measured drift. A digit after the letter is the stake in tokens; it is 0 without a digit.
 */
function report(text: string, sitting = 0): CountedReport {
  const [letter = '', stake = '0'] = text;
  const outcome = /a/i.test(letter) ? 'accept' : /[id]/.test(letter) ? 'inconclusive' : 'reject';
  const exact = letter !== letter.toLowerCase();
  const finding = new Uint8Array(32).fill(exact ? letter.charCodeAt(0) : ++number % 60);
  const fault = letter === 'F' ? { fault: { isFact: true, seen: finding } } : {};
  const drift = letter === 'd' ? { drift: { outcome, eValue: 1 } } : {};
  const weighed = {
    outcome,
    exact,
    claimsExact: exact,
    finding,
    tokens: 1,
    checks: [],
    comparison: undefined,
    ...fault,
    ...drift,
  };
  return { weighed: weighed as WeighedReport, sitting, stake: BigInt(stake) };
}
/** Splits reports by audit attempt: each group of letters is one attempt. */
const readReports = (words: string) =>
  words.split(' ').flatMap((word, sitting) => [...word.matchAll(/[a-z]\d?/gi)].map(([text]) => report(text, sitting)));

describe('the combination of reports', () => {
  it.each([
    // Without a contradiction.
    ['', 'inconclusive', 'asks another', []],
    ['i', 'inconclusive', 'asks another', []],
    ['iii', 'inconclusive', 'asks another', []],
    ['a', 'accept', '', []],
    ['A', 'accept', '', []],
    ['ia', 'accept', '', []],
    ['r', 'reject', 'asks another', []],
    ['ri', 'reject', 'asks another', []],
    ['rr', 'reject', '', []],
    ['RR', 'reject', '', []],
    ['Rr', 'reject', '', []],
    // One report against one decides nothing, also by equality.
    ['ar', 'unjudged', 'asks another', []],
    ['Ar', 'unjudged', 'asks another', []],
    ['AR', 'unjudged', 'asks another', []],
    ['aR', 'unjudged', 'asks another', []],
    // As many against as many.
    ['aarr', 'unjudged', 'asks another', []],
    ['AArr', 'unjudged', 'asks another', []],
    ['AARR', 'unjudged', 'asks another', []],
    // The majority decides, and refutes the others.
    ['aar', 'accept', '', [2]],
    ['AAr', 'accept', '', [2]],
    ['AAR', 'accept', '', [2]],
    ['rra', 'reject', '', [2]],
    ['RRA', 'reject', '', [2]],
    ['RRa', 'reject', '', [2]],
    ['aaF', 'accept', '', [2]],
    ['FFA', 'reject', '', [2]],
    // Scores refute no report by equality.
    ['aaR', 'accept', '', []],
    ['aAR', 'accept', '', []],
    ['rrA', 'reject', '', []],
    ['rrAia', 'unjudged', 'asks another', []],
    ['rrrAa', 'reject', '', [4]],
    // Invented rejects differ, and do not add up.
    ['RS', 'unjudged', 'asks another', []],
    ['RSA', 'unjudged', 'asks another', []],
    ['RSAA', 'accept', '', [0, 1]],
    ['RSr', 'reject', '', []],
    ['RRS', 'reject', '', [2]],
    ['RRSSA', 'reject', '', [4]],
    // Stake: more operators with less stake decide nothing and refute nobody.
    ['a1a1r3', 'unjudged', 'asks another', []],
    ['a1a1r2', 'accept', '', [2]],
    ['A0A0R1', 'unjudged', 'asks another', []],
    ['A0A0A0R1R1', 'unjudged', 'asks another', []],
    ['r1r1a3', 'unjudged', 'asks another', []],
    ['R1R1A3', 'unjudged', 'asks another', []],
    ['a9r1', 'unjudged', 'asks another', []],
    ['R1R1S3', 'reject', '', []],
    ['R1R1F3', 'reject', '', []],
    ['R1R1F2', 'reject', '', [2]],
    ['A1A1R1S3', 'unjudged', 'asks another', []],
    // An accept needs as much stake as measured doubt.
    ['da', 'accept', '', []],
    ['d9a1', 'inconclusive', 'asks another', []],
    ['d9A1', 'inconclusive', 'asks another', []],
    ['d9a9', 'accept', '', []],
    ['i9a1', 'accept', '', []],
    ['d9a1r1', 'unjudged', 'asks another', []],
  ] as const)('%s: %s', (letters, decision, asking, marked) => {
    expect(combineReports(readReports(letters))).toEqual({ decision, wantsAnother: asking !== '', marked });
  });
});

describe('rejects that name shards of a cohort', () => {
  /** Each letter is a report, and a digit behind it the place of the shard that it names. */
  const readNaming = (words: string): CountedReport[] =>
    words.split(' ').flatMap((word, sitting) =>
      [...word.matchAll(/([a-z])(\d?)/gi)].map(([, letter, place]) => {
        const { weighed, ...rest } = report(letter as string, sitting);
        return { ...rest, weighed: place ? { ...weighed, culprit: Number(place) } : weighed };
      }),
    );

  it.each([
    ['r0', 'reject', 0],
    ['r0r0', 'reject', 0],
    ['R1R1', 'reject', 1],
    ['R1r1', 'reject', 1],
    ['r0r1', 'unjudged', undefined],
    ['r0r', 'unjudged', undefined],
    ['R0r1', 'unjudged', undefined],
    ['r0r1r1', 'reject', 1],
    ['rrr0', 'reject', undefined],
    ['r0a', 'unjudged', undefined],
    ['iiR2R2', 'reject', 2],
  ] as const)('%s: %s about %s', (words, decision, culprit) => {
    expect(combineReports(readNaming(words))).toMatchObject({ decision, culprit });
  });

  it('are confirmed by one that names the same shard alone', () => {
    expect(isUnconfirmed(readNaming('r0r0 r1'))).toBe(true);
    expect(isUnconfirmed(readNaming('r0r0 r0'))).toBe(false);
    expect(isUnconfirmed(readNaming('R0R0 r0'))).toBe(true);
    expect(isUnconfirmed(readNaming('R0R0 R0'))).toBe(false);
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
    const reports = readReports(words);
    expect([isCharge(reports), isUnconfirmed(reports)]).toEqual([charge, unconfirmed]);
  });
});

describe('measured evidence about a reply that is not rejected', () => {
  const measure = (letter: string, eValue: number): CountedReport => {
    const drift = { outcome: 'accept', pValue: 0.5, eValue, row: 'x', source: 'rank' } as const;
    const counted = report(letter);
    return { ...counted, weighed: { ...counted.weighed, drift } as WeighedReport };
  };

  it('lets an accept with an e-value above 2 wait for another verifier', () => {
    const combine = (eValue: number) => combineReports([measure('a', eValue)]);
    expect(combine(2.1)).toMatchObject({ decision: 'accept', wantsAnother: true });
    expect(combine(2)).toMatchObject({ decision: 'accept', wantsAnother: false });
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

it('counts the stake of a report by the list of its audit attempt, all keys of the payee together', () => {
  const [own, other] = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)];
  const candidate = (id: number, payee: Uint8Array, weight: bigint) => ({
    ...{ providerId: new Uint8Array(32).fill(id), payee, weight },
  });
  const lists = [
    [candidate(1, own, 4n), candidate(2, own, 4n), candidate(3, other, 9n)],
    [candidate(1, own, 1n), candidate(3, other, 6n)],
  ];
  const { weighed } = report('a');
  const ask = (id: number, sitting: number, opened: WeighedReport | undefined = weighed) => ({
    ...{ verifierId: new Uint8Array(32).fill(id), sitting, weighed: opened },
  });
  const asked = [ask(1, 0), { ...ask(2, 0), weighed: undefined }, ask(3, 1), ask(4, 1)];
  expect(countReports({ lists, asked }).map(({ stake, sitting }) => [stake, sitting])).toEqual([
    [6n, 0],
    [5n, 1],
    [0n, 1],
  ]);
});

describe('silent verifiers', () => {
  const payees = [1, 2, 3].map((value) => new Uint8Array(20).fill(value)) as [Uint8Array, Uint8Array, Uint8Array];
  const candidate = (id: number, payee: Uint8Array, weight: bigint) => ({
    ...{ providerId: new Uint8Array(32).fill(id), payee, weight },
  });
  const list = [
    candidate(1, payees[0], 3n),
    candidate(2, payees[0], 3n),
    candidate(3, payees[1], 8n),
    candidate(4, payees[2], 6n),
  ];
  const lists = [list, list];
  const { weighed } = report('a');
  const count = (...asked: readonly [id: number, sitting: number, answers: boolean][]) =>
    countSilentStake({
      lists,
      asked: asked.map(([id, sitting, answers]) => ({
        ...{ verifierId: new Uint8Array(32).fill(id), sitting, weighed: answers ? weighed : undefined },
      })),
    });

  it('count once, by the stake of their payee, unless it has reported at any time', () => {
    expect(count()).toBe(0n);
    expect(count([1, 0, false], [2, 0, false], [1, 1, false])).toBe(4n);
    expect(count([3, 0, false], [4, 0, true])).toBe(7n);
    expect(count([3, 0, false], [3, 1, true], [4, 1, false])).toBe(5n);
    expect(count([1, 0, false], [2, 1, true])).toBe(0n);
    // A verifier that no list names has no stake.
    expect(count([9, 0, false])).toBe(0n);
  });

  it.each([
    ['less stake than the accepts', 'a3a2', 4n, false],
    ['as much', 'a3a2', 5n, false],
    ['more', 'a3a2', 6n, true],
    ['more than accepts, and not more than all reports', 'a1i9', 2n, true],
    ['no stake, and neither have the accepts', 'a', 0n, false],
  ] as const)('with %s outweigh an accept or not', (_what, words, silent, expected) => {
    expect(isOutweighedBySilence(readReports(words), silent)).toBe(expected);
  });
});
