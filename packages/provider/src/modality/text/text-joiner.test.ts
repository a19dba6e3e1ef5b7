import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createTextJoiner } from './text-joiner.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A reader that takes a message on demand, or at once. */
function createReader({ isSlow = false } = {}) {
  const messages: { readonly text: string; readonly tokens: readonly number[] }[] = [];
  let take = (): void => {};
  return {
    messages,
    texts: () => messages.map(({ text }) => text),
    take: () => take(),
    send(text: string, tokens: number[]): Promise<void> {
      messages.push({ text, tokens });
      if (!isSlow) return Promise.resolve();
      return new Promise((resolve) => {
        take = resolve;
      });
    },
  };
}

const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('sends the first texts at once, and joins what follows them within an instant', async () => {
  const reader = createReader();
  const joiner = createTextJoiner(reader.send, { isShown: true });
  for (const [i, letter] of letters.slice(0, 10).entries()) await joiner.add(letter, [i]);
  expect(reader.texts()).toEqual(['a', 'b', 'c', 'd']);
  vi.advanceTimersByTime(20);
  await turn();
  expect(reader.texts()).toEqual(['a', 'b', 'c', 'd', 'efghij']);
  expect(reader.messages.at(-1)?.tokens).toEqual([4, 5, 6, 7, 8, 9]);
});

it('holds back no text that comes as slowly as people read', async () => {
  const reader = createReader();
  const joiner = createTextJoiner(reader.send, { isShown: true });
  for (const letter of letters) {
    vi.advanceTimersByTime(20);
    await joiner.add(letter, []);
    await turn();
    expect(reader.texts().at(-1)).toBe(letter);
  }
});

it('joins the texts of one turn after a pause', async () => {
  const reader = createReader();
  const joiner = createTextJoiner(reader.send, { isShown: true });
  for (const letter of letters.slice(0, 4)) await joiner.add(letter, []);
  vi.advanceTimersByTime(1_000);
  for (const letter of letters.slice(4, 8)) await joiner.add(letter, []);
  await turn();
  expect(reader.texts().slice(4)).toEqual(['efgh']);
});

it('sends at most 16 texts together, at once where there are so many', async () => {
  const reader = createReader();
  const joiner = createTextJoiner(reader.send, { isShown: true });
  for (const letter of letters) await joiner.add(letter, []);
  await joiner.flush();
  expect(reader.texts()).toEqual(['a', 'b', 'c', 'd', 'efghijklmnopqrst', 'uvwxyz']);
});

it('sends no more than a step of progress together, so that its payer can sign for it', async () => {
  const reader = createReader();
  const joiner = createTextJoiner(reader.send, { isShown: false });
  for (let i = 0; i < 14; i++) await joiner.add('ä'.repeat(100), []);
  await joiner.flush();
  expect(reader.texts().map((text) => text.length)).toEqual([100, 300, 300, 300, 300, 100]);
});

it('joins what comes while its reader is behind, and holds the sender back when that is full', async () => {
  const reader = createReader({ isSlow: true });
  const joiner = createTextJoiner(reader.send, { isShown: true });
  await joiner.add('0', []);
  for (const letter of letters.slice(0, 15)) await joiner.add(letter, []);
  let isHeld = true;
  const held = joiner.add('!', []).then(() => {
    isHeld = false;
  });
  await turn();
  expect([isHeld, reader.texts()]).toEqual([true, ['0']]);
  reader.take();
  await held;
  expect(reader.texts()).toEqual(['0', 'abcdefghijklmno!']);
});

it('sends a text that nobody is shown four times a second, all of it with the end', async () => {
  const reader = createReader();
  const joiner = createTextJoiner(reader.send, { isShown: false });
  for (const letter of letters) await joiner.add(letter, []);
  vi.advanceTimersByTime(249);
  await turn();
  expect(reader.texts()).toEqual(['a']);
  vi.advanceTimersByTime(1);
  await turn();
  expect(reader.texts()).toEqual(['a', 'bcdefghijklmnopqrstuvwxyz']);
  await joiner.add('.', []);
  await joiner.flush();
  expect(reader.texts().at(-1)).toBe('.');
});

it('is over only when its reader has taken the last text, and sends nothing later', async () => {
  const reader = createReader({ isSlow: true });
  const joiner = createTextJoiner(reader.send, { isShown: true });
  await joiner.add('a', []);
  await joiner.add('b', []);
  let isOver = false;
  const flushed = joiner.flush().then(() => {
    isOver = true;
  });
  reader.take();
  await turn();
  expect([isOver, reader.texts()]).toEqual([false, ['a', 'b']]);
  reader.take();
  await flushed;
  vi.advanceTimersByTime(1_000);
  expect([isOver, reader.texts(), vi.getTimerCount()]).toEqual([true, ['a', 'b'], 0]);
});

it('fails where a message cannot be sent', async () => {
  const joiner = createTextJoiner(() => Promise.reject(new Error('not sealed')), { isShown: true });
  await joiner.add('a', []).catch(() => {});
  await expect(joiner.flush()).rejects.toThrow('not sealed');
  await expect(joiner.add('b', [])).rejects.toThrow('not sealed');
});
