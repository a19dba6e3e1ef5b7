import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDraftIndex } from './draft-index.ts';

const SEED = 20261120;

function guessAfter(tokens: readonly number[], { asked = 4, most = 4, capacity = 1024 } = {}) {
  const index = createDraftIndex({ capacity, most });
  for (const token of tokens) index.push(token);
  return [...index.guesses.subarray(0, index.guess(asked))];
}

describe('draft index', () => {
  it.each([
    ['what followed the last three tokens before', [1, 2, 3, 4, 5, 9, 1, 2, 3], [4, 5, 9, 1]],
    ['what followed the last two, where three were never met', [1, 2, 3, 4, 9, 8, 2, 3], [4, 9, 8, 2]],
    ['the longer run before the later one', [1, 2, 3, 4, 7, 2, 3, 5, 1, 2, 3], [4, 7, 2, 3]],
    ['the later of two', [2, 3, 4, 9, 2, 3, 5, 9, 2, 3], [5, 9, 2, 3]],
    ['that a loop goes on', [1, 7, 8, 7, 8], [7, 8, 7, 8]],
    ['nothing where nothing repeats', [1, 2, 3, 4, 5], []],
    ['nothing where only one token repeats', [1, 2, 3, 1], []],
    ['nothing of nothing', [], []],
  ])('guesses %s', (_, tokens, guessed) => expect(guessAfter(tokens)).toEqual(guessed));

  it('guesses no more than was asked for or fits', () => {
    expect(guessAfter([7, 7, 7, 7], { asked: 1 })).toEqual([7]);
    expect(guessAfter([7, 7, 7, 7], { asked: 9, most: 2 })).toEqual([7, 7]);
    expect(guessAfter([7, 7, 7, 7], { asked: 0 })).toEqual([]);
    expect(guessAfter([7, 7, 7, 7], { asked: -1 })).toEqual([]);
  });

  it('forgets another sequence, and takes no more than its capacity', () => {
    const index = createDraftIndex({ capacity: 8, most: 4 });
    for (const token of [1, 2, 3, 4, 1, 2]) index.push(token);
    expect(index.guess(4)).toBe(4);
    index.reset();
    for (const token of [1, 2]) index.push(token);
    expect(index.guess(4)).toBe(0);
    for (let i = 0; i < 100; i++) index.push(5);
    expect([...index.guesses.subarray(0, index.guess(2))]).toEqual([5, 5]);
  });

  it(`is always right about a cycle that it has seen twice, seed ${SEED}`, () => {
    const cycles = fc.uniqueArray(fc.nat({ max: 100_000 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(cycles, fc.integer({ min: 1, max: 8 }), (cycle, most) => {
        const tokens = Array.from({ length: 2 * cycle.length + 3 }, (_, i) => cycle[i % cycle.length] as number);
        const expected = Array.from({ length: most }, (_, i) => cycle[(tokens.length + i) % cycle.length]);
        // A collision of hashes loses a guess, it makes no other one.
        const guessed = guessAfter(tokens, { most, asked: most });
        expect(guessed).toEqual(expected.slice(0, guessed.length));
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});
