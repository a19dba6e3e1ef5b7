import { createFakeEngine } from '@ogong/testing/engine/fake';
import { expect, it } from 'vitest';
import { measureChallenges } from './challenge.ts';

/** Every look at it is a millisecond later. */
function createClock(): () => number {
  let ms = 0;
  return () => ms++;
}

it('asks one key, several behind one verifier, one beside replies, and one of each of several verifiers', async () => {
  const opened: string[] = [];
  const open = (what: string) => async () => {
    opened.push(what);
    return createFakeEngine({ sequences: 8 });
  };
  const row = await measureChallenges({
    ...{ openVerifier: open('verifier'), openProvider: open('provider') },
    ...{ runs: 2, mostKeys: 4, mostVerifiers: 2, nowMs: createClock() },
  });
  expect(row).toMatchObject({ isRight: true, exact: true, countedTokens: 768 });
  expect(row.rows.map(({ keys, verifiers, answers, isServing }) => [keys, verifiers, answers, isServing])).toEqual([
    [1, 1, 2, false],
    [2, 1, 2, false],
    [4, 1, 4, false],
    [1, 1, 1, true],
    [2, 2, 2, false],
  ]);
  expect(row.aloneMs).toHaveLength(2);
  expect(opened).toEqual(['verifier', 'verifier', 'provider', 'verifier']);
});

it('says where a verifier was wrong', async () => {
  let opened = 0;
  const openVerifier = async () => createFakeEngine({ weights: opened++ === 2 ? 2 : 1 });
  const row = await measureChallenges({
    ...{ openVerifier, openProvider: undefined },
    ...{ runs: 1, mostKeys: 1, mostVerifiers: 2, nowMs: createClock() },
  });
  expect(row.isRight).toBe(false);
});
