import { expect, it } from 'vitest';
import { createFlusher } from './flusher.ts';

it('flushes beside the writing, one flush at a time, and all at the end', async () => {
  const calls: string[] = [];
  let done = Promise.withResolvers<void>();
  const flusher = createFlusher({
    datasync: () => {
      calls.push('part');
      return done.promise;
    },
    sync: async () => void calls.push('all'),
  });
  const addMany = (mebibytes: number): void => {
    for (let i = 0; i < mebibytes; i++) flusher.add(1 << 20);
  };
  addMany(63);
  expect(calls).toEqual([]);
  addMany(300);
  expect(calls).toEqual(['part']);
  done.resolve();
  await new Promise(setImmediate);
  done = Promise.withResolvers();
  addMany(1);
  expect(calls).toEqual(['part', 'part']);
  const end = flusher.end();
  await new Promise(setImmediate);
  expect(calls).toHaveLength(2);
  done.resolve();
  await end;
  expect(calls).toEqual(['part', 'part', 'all']);
});

it('remembers a flush that failed', async () => {
  const flusher = createFlusher({
    datasync: () => Promise.reject(new Error('a lost write')),
    sync: async () => undefined,
  });
  flusher.add(2 ** 26);
  await new Promise(setImmediate);
  await expect(flusher.end()).rejects.toThrow('a lost write');
});
