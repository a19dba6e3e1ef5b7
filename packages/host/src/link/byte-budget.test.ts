import { expect, it } from 'vitest';
import { createByteBudget } from './byte-budget.ts';

const LIMITS = {
  freeBodyBytes: 10,
  maxBodyBytes: 300,
  maxBodyBytesPerGroup: 200,
  maxBodyBytesPerPeer: 100,
  maxKnownBodyBytes: 250,
  maxKnownBodyBytesPerPeer: 150,
};
const stranger = (name: string, group: string | undefined = 'one address') => ({ name, group, isKnown: false });

it('counts what arrives beyond the free part, and gives it back', () => {
  const open = createByteBudget(LIMITS);
  const first = open(stranger('a'));
  expect([first.take(10), first.take(60), first.take(41), first.take(40)]).toEqual([true, true, false, false]);
  const second = open(stranger('a'));
  expect([second.take(10), second.take(41)]).toEqual([true, false]);
  first.release();
  first.release();
  expect(open(stranger('a')).take(110)).toBe(true);
  expect(first.take(1)).toBe(false);
});

it('has limits for one peer, for addresses that belong together, and for all strangers', () => {
  const open = createByteBudget(LIMITS);
  expect(open(stranger('a')).take(111)).toBe(false);
  expect([open(stranger('b')).take(110), open(stranger('c')).take(110), open(stranger('d')).take(11)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(open(stranger('d', 'another address')).take(110)).toBe(true);
  expect(open(stranger('e', undefined)).take(11)).toBe(false);
  // Small calls of strangers go on.
  expect(open(stranger('f')).take(10)).toBe(true);
});

it('keeps room for known parties, with a limit of its own', () => {
  const open = createByteBudget(LIMITS);
  for (let i = 0; i < 9; i++) open(stranger(`${i}`, `${i}`)).take(110);
  const known = (name: string) => open({ ...stranger(name), isKnown: true });
  const first = known('a');
  expect(first.take(160)).toBe(true);
  // One of them does not have the room of all.
  expect(known('a').take(11)).toBe(false);
  expect([known('b').take(111), known('b').take(110), known('c').take(11)]).toEqual([false, true, false]);
  first.release();
  expect(known('c').take(160)).toBe(true);
});
