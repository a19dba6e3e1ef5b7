import { describe, expect, it } from 'vitest';
import {
  advanceComparison,
  type ComparisonVerdict,
  createComparison,
  decideComparison,
  type ReplyDistances,
} from './decide.ts';

const terms = { level: 0.001, tolerance: 0.15, share: 0.25 };
/** Of a full precision and two quantisations of one model. */
const between = [
  [0, 0.06, 0.6],
  [0.06, 0, 0.6],
  [0.6, 0.6, 0],
];
const reply = (...toReference: number[]): ReplyDistances => ({ toReference, between });

function judge(replies: readonly ReplyDistances[]): ComparisonVerdict {
  let state = createComparison(3);
  for (const each of replies) state = advanceComparison(state, each, terms);
  return decideComparison(state, terms);
}
const repeat = (count: number, ...toReference: number[]) => Array.from({ length: count }, () => reply(...toReference));

describe('the decision by distances of replies', () => {
  it.each([
    ['the first reference, on another machine', [0.02, 0.06, 0.6], { kind: 'same' }],
    ['a quantisation that stands among the references', [0.06, 0.03, 0.6], { kind: 'other', index: 1 }],
    ['something far from all of them', [1.2, 1.2, 1.3], { kind: 'unknown', isFinal: true }],
    ['something between the first and the next that is near neither', [0.09, 0.1, 0.6], { kind: 'undecided' }],
  ] as const)('%s is found after some forty replies, and not after three', (_name, distances, verdict) => {
    expect(judge(repeat(3, ...distances))).toEqual({ kind: 'undecided' });
    const found = judge(repeat(45, ...distances));
    if (verdict.kind === 'undecided') expect(found.kind).not.toBe('same');
    else expect(found).toEqual(verdict);
  });

  it('is not the first reference if the endpoint is nearer to any other one', () => {
    // Nearer to the second, and farther from it than its yardstick half of the time.
    const replies = Array.from({ length: 40 }, (_, i) => reply(0.12, i % 2 === 0 ? 0.05 : 0.07, 0.6));
    expect(judge(replies)).toEqual({ kind: 'unknown', isFinal: false });
  });

  /** One reply in `each` is far from the first reference and near the last one. */
  const mix = (count: number, each: number) =>
    Array.from({ length: count }, (_, i) => (i % each === 0 ? reply(0.6, 0.6, 0.02) : reply(0.02, 0.06, 0.6)));

  it('is mixed if the first reference makes most replies, and another one every third', () => {
    expect(judge(mix(60, 3))).toEqual({ kind: 'mixed' });
  });

  it('is the first reference if fewer replies than the share are off it, unless a smaller share is set', () => {
    expect(judge(mix(150, 20))).toEqual({ kind: 'same' });
    let state = createComparison(3);
    for (const each of mix(150, 20)) state = advanceComparison(state, each, { ...terms, share: 0.05 });
    expect(decideComparison(state, terms)).toEqual({ kind: 'undecided' });
  });

  it('is undecided where coins fall both ways, and where every distance is the same', () => {
    const mixed = Array.from({ length: 200 }, (_, i) =>
      i % 2 === 0 ? reply(0.02, 0.06, 0.6) : reply(0.08, 0.03, 0.6),
    );
    expect(judge(mixed)).toEqual({ kind: 'undecided' });
    const equal = {
      toReference: [0, 0],
      between: [
        [0, 0],
        [0, 0],
      ],
    };
    let state = createComparison(2);
    for (let i = 0; i < 100; i++) state = advanceComparison(state, equal, terms);
    expect(decideComparison(state, terms)).toEqual({ kind: 'undecided' });
  });
});
