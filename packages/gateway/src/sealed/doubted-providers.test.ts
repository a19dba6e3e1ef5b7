import { expect, it } from 'vitest';
import { ANONYMOUS } from '../books/api-keys.ts';
import { createDoubtedProviders } from './doubted-providers.ts';

const provider = new Uint8Array(32).fill(7);
const keyOf = (id: string, organisation?: string) => ({
  ...{ id, budgetAtomic: undefined },
  ...(organisation && { organisation: { id: organisation, budgetAtomic: undefined } }),
});

function open() {
  let nowMs = 1_000;
  const doubted = createDoubtedProviders({ nowMs: () => nowMs });
  const complain = (...ids: string[]) => {
    for (const id of ids) doubted.note(provider, keyOf(id), false);
  };
  return { doubted, complain, advance: (ms: number) => (nowMs += ms) };
}

it('keeps a provider from the account that complains of it, and from nobody else', () => {
  const { doubted, complain, advance } = open();
  complain('a');
  expect(doubted.list(keyOf('a'))).toEqual([provider]);
  expect(doubted.list(keyOf('b'))).toEqual([]);
  doubted.note(provider, keyOf('a'), true);
  expect(doubted.list(keyOf('a'))).toEqual([]);
  complain('a');
  advance(3_600_001);
  expect(doubted.list(keyOf('a'))).toEqual([]);
});

it('keeps one from everybody of whom three accounts complain, and most that say something', () => {
  const { doubted, complain } = open();
  complain('a', 'b');
  expect(doubted.list(keyOf('x'))).toEqual([]);
  complain('c');
  expect(doubted.list(keyOf('x'))).toEqual([provider]);
  for (const id of ['d', 'e', 'f']) doubted.note(provider, keyOf(id), true);
  expect(doubted.list(keyOf('x'))).toEqual([]);
  expect(doubted.list(keyOf('c'))).toEqual([provider]);
});

it('keeps good reports about a provider without complaints, so that a few complaints keep it from nobody else', () => {
  const { doubted, complain, advance } = open();
  for (let i = 0; i < 60; i++) doubted.note(provider, keyOf(`good ${i}`), true);
  complain('a', 'b', 'c');
  expect(doubted.list(keyOf('x'))).toEqual([]);
  expect(doubted.list(keyOf('a'))).toEqual([provider]);
  // Good words are of the last hour, too.
  advance(3_600_001);
  complain('a', 'b', 'c');
  expect(doubted.list(keyOf('x'))).toEqual([provider]);
});

it('counts a word about a reply that still runs for its own account alone', () => {
  const { doubted } = open();
  for (const id of ['a', 'b', 'c']) doubted.noteOwn(provider, keyOf(id));
  expect(doubted.list(keyOf('a'))).toEqual([provider]);
  expect(doubted.list(keyOf('x'))).toEqual([]);
  // Nor does it outweigh those of others.
  for (const id of ['d', 'e', 'f']) doubted.note(provider, keyOf(id), false);
  expect(doubted.list(keyOf('x'))).toEqual([provider]);
});

it('counts an organisation once, whichever of its keys says something, and nobody who shows none', () => {
  const { doubted, complain } = open();
  for (const id of ['k1', 'k2', 'k3']) doubted.note(provider, keyOf(id, 'one'), false);
  for (let i = 0; i < 5; i++) doubted.note(provider, ANONYMOUS, false);
  expect(doubted.list(ANONYMOUS)).toEqual([]);
  expect(doubted.list(keyOf('k9', 'one'))).toEqual([provider]);
  complain('a', 'b');
  expect(doubted.list(ANONYMOUS)).toEqual([provider]);
});
