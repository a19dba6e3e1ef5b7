import { expect, it } from 'vitest';
import { takeTurns } from './take-turns.ts';

it('takes one of each before a second of anybody, so that whoever serves most cannot fill the work', () => {
  const replies = ['friend 1', 'friend 2', 'friend 3', 'friend 4', 'other 1', 'friend 5', 'third 1'];
  const [serverOf, inTurn] = [(reply: string) => reply.replace(/ .*/, ''), ['friend 1', 'other 1', 'third 1']];
  expect(takeTurns(replies, serverOf).slice(0, 4)).toEqual([...inTurn, 'friend 2']);
  expect(takeTurns(replies, serverOf).toSorted()).toEqual(replies.toSorted());
  expect(takeTurns([], serverOf)).toEqual([]);
});
