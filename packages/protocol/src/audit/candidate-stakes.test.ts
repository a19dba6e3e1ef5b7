import { describe, expect, it } from 'vitest';
import { isBeyond, isListLacking, isOverstated, listStakeClaims, type WeighedCandidate } from './candidate-stakes.ts';

const payeeOf = (number: number): Uint8Array => new Uint8Array(20).fill(number);
/** Whole tokens of each key, by payee. */
const list = (stakes: Readonly<Record<number, readonly number[]>>): WeighedCandidate[] =>
  Object.entries(stakes).flatMap(([payee, keys]) =>
    keys.map((tokens) => ({ payee: payeeOf(Number(payee)), weight: 1n + BigInt(tokens) })),
  );
const five = { 1: [100], 2: [100], 3: [100], 4: [100], 5: [100] };

describe('a list that lacks verifiers', () => {
  it.each<[string, Parameters<typeof list>[0], Parameters<typeof list>[0], boolean]>([
    ['three friends in place of five', five, { 7: [1], 8: [1], 9: [1] }, true],
    ['nobody', five, {}, true],
    ['nobody, while two were known', { 1: [100], 2: [3] }, {}, true],
    ['nobody, while one was known', { 1: [100] }, {}, false],
    ['nobody, while many free names were known', { 1: [0], 2: [0], 3: [0], 4: [0] }, {}, false],
    ['one of five', five, { 1: [100] }, true],
    ['half of the stake beside the largest', five, { 1: [100], 2: [100], 9: [50] }, false],
    ['a little less than that', five, { 1: [100], 2: [98], 9: [50] }, true],
    ['all, with the chances of free names', five, { 1: [0], 2: [0], 3: [0], 4: [0], 5: [0] }, true],
    ['all, with half of their chances', five, { 1: [50], 2: [50], 3: [50], 4: [50], 5: [50] }, false],
    ['one payee with nearly all of the stake', { ...five, 9: [1_000_000] }, five, false],
    ['two payees with half of the rest', { 1: [100], 8: [100], 9: [1_000_000] }, { 1: [100] }, false],
    ['two payees with more than that', { 1: [100], 8: [101], 9: [1_000_000] }, { 1: [100] }, true],
    ['shares that are rounded down', { 1: [3, 3], 2: [3, 3], 3: [3, 3] }, { 1: [1, 1], 2: [1, 1], 3: [1, 1] }, false],
    ['keys that are made up', { 1: [9], 2: [9], 3: [9] }, { 1: Array(9).fill(0), 2: Array(9).fill(0) }, true],
  ])('%s', (_what, known, listed, isLacking) => {
    expect(isListLacking(list(known), list(listed))).toBe(isLacking);
  });
});

describe('stake that a list counts', () => {
  it('is that of all keys of a payee, above the one chance that every name has', () => {
    expect(listStakeClaims(list({ 1: [7, 7], 2: [0], 3: [1] }))).toEqual([
      { payee: payeeOf(1), tokens: 14n, keys: 2n },
      { payee: payeeOf(3), tokens: 1n, keys: 1n },
    ]);
  });

  it('may have been lowered by the penalties of two days, and by no more', () => {
    const token = 10n ** 18n;
    expect(isOverstated({ tokens: 100n }, 80n * token)).toBe(false);
    expect(isOverstated({ tokens: 100n }, 80n * token - 1n)).toBe(true);
    expect(isOverstated({ tokens: 0n }, 0n)).toBe(false);
    expect(isBeyond(100n, 80n)).toBe(false);
    expect(isBeyond(101n, 80n)).toBe(true);
    expect(isBeyond(0n, 0n)).toBe(false);
  });
});
