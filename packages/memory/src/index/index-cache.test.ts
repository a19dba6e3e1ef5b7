import { createTestVector, TEST_MODEL } from '@ogong/testing/memory/memory-fixture';
import { describe, expect, it } from 'vitest';
import { createIndexCache, type IndexChange, type IndexState } from './index-cache.ts';
import type { IndexHits, MemoryIndex } from './memory-index.ts';

const NO_HITS: IndexHits = { nearest: [], worded: [] };
const query = { text: '', vector: createTestVector(0), embeddingModel: TEST_MODEL, limit: 1 };
const state = (revision: number) => ({ userId: 'u', revision });

/** Indexes of 10 bytes that note their calls. */
function createNotes(maxBytes: number) {
  const notes: string[] = [];
  const held = new Map<string, Promise<void>>();
  const createNotedIndex = (name: string): MemoryIndex => ({
    put: () => undefined,
    end: () => undefined,
    drop: (id) => void notes.push(`${name} drops ${id}`),
    retain: () => undefined,
    count: () => 0,
    async search() {
      await held.get(name);
      notes.push(`${name} searches`);
      return NO_HITS;
    },
    readSizeBytes: () => 10,
    close: () => void notes.push(`${name} closes`),
  });
  const updates: Promise<IndexState | undefined>[] = [];
  const cache = createIndexCache(
    {
      async build(name) {
        notes.push(`${name} builds`);
        if (name === 'broken') throw new Error('damaged');
        return { index: createNotedIndex(name), ...state(1) };
      },
      async update(name, _, { revision }) {
        notes.push(`${name} updates ${revision}`);
        return updates.shift();
      },
    },
    maxBytes,
  );
  const take = (): string[] => notes.splice(0);
  return { cache, held, updates, take };
}

const drop = (id: string, revision: number): IndexChange => ({ ...state(revision), apply: (index) => index.drop(id) });

describe('the cache of indexes', () => {
  it('closes the least recently used ones above its size, and none that a search uses', async () => {
    const { cache, held, take } = createNotes(20);
    for (const name of ['a', 'b', 'a', 'c']) await cache.search(name, state(1), query);
    await Promise.resolve();
    const order = [
      'a builds',
      'a searches',
      'b builds',
      'b searches',
      'a searches',
      'c builds',
      'c searches',
      'b closes',
    ];
    expect(take()).toEqual(order);
    const { promise, resolve } = Promise.withResolvers<void>();
    held.set('a', promise);
    const slow = cache.search('a', state(1), query);
    await cache.search('b', state(1), query);
    await cache.close();
    expect(take()).toEqual(['b builds', 'b searches', 'c closes', 'b closes']);
    resolve();
    await slow;
    expect(take()).toEqual(['a searches', 'a closes']);
  });

  it('applies each change once and in order, and builds anew after one that it missed', async () => {
    const { cache, take } = createNotes(100);
    cache.follow('a', Promise.resolve(drop('before any index', 1)));
    await cache.search('a', state(1), query);
    const first = Promise.withResolvers<IndexChange>();
    cache.follow('a', first.promise);
    cache.follow('a', Promise.reject(new Error('undone')));
    cache.follow('a', Promise.resolve(drop('y', 3)));
    const searching = cache.search('a', state(3), query);
    first.resolve(drop('x', 2));
    await searching;
    // A change that the index has already.
    cache.follow('a', Promise.resolve(drop('x', 2)));
    await cache.search('a', state(3), query);
    expect(take()).toEqual(['a builds', 'a searches', 'a drops x', 'a drops y', 'a searches', 'a searches']);
    await cache.search('a', state(4), query);
    expect(take()).toEqual(['a updates 3', 'a closes', 'a builds', 'a searches']);
    await cache.search('a', { userId: 'another', revision: 0 }, query);
    expect(take()).toEqual(['a updates 1', 'a closes', 'a builds', 'a searches']);
    cache.forget('a');
    await cache.close();
  });

  it('applies what other processes changed once, before its own later changes, and builds anew if that fails', async () => {
    const { cache, updates, take } = createNotes(100);
    await cache.search('a', state(1), query);
    const { promise, reject } = Promise.withResolvers<IndexState>();
    updates.push(Promise.resolve(state(5)), promise);
    await Promise.all([cache.search('a', state(4), query), cache.search('a', state(5), query)]);
    cache.follow('a', Promise.resolve(drop('x', 6)));
    await cache.search('a', state(6), query);
    expect(take()).toEqual([
      ...['a builds', 'a searches', 'a updates 1', 'a searches', 'a searches'],
      ...['a drops x', 'a searches'],
    ]);
    const failing = cache.search('a', state(9), query);
    reject(new Error('too large'));
    await expect(failing).rejects.toThrow('too large');
    await cache.search('a', state(1), query);
    expect(take()).toEqual(['a updates 6', 'a closes', 'a builds', 'a searches']);
  });

  it('tries a failed build again', async () => {
    const { cache, take } = createNotes(100);
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(cache.search('broken', state(1), query)).rejects.toThrow('damaged');
    expect(take()).toEqual(['broken builds', 'broken builds']);
  });
});
