import { expect, it } from 'vitest';
import { NO_FILTER } from './memory-client.ts';
import { createMemoryList, type MemoryListState } from './memory-list.ts';
import type { KnownMemory } from './parse-memory.ts';

const memory = (id: string, text = id): KnownMemory => ({
  ...{ id, text, type: 'semantic', categories: [], createdAt: '', updatedAt: '' },
  ...{ supersededAt: undefined, quote: undefined, receipts: undefined },
});

function createList(api: Partial<Parameters<typeof createMemoryList>[0]> = {}) {
  const unused = () => Promise.reject(new Error('not expected'));
  let state: MemoryListState | undefined;
  const none = { list: unused, search: unused, edit: unused, forget: unused, count: unused };
  const list = createMemoryList({ ...none, ...api }, (told) => {
    state = told;
  });
  return { list, read: () => state };
}

it('shows the last search, although an earlier one answers later', async () => {
  const early = Promise.withResolvers<KnownMemory[]>();
  const { list, read } = createList({
    search: ({ query }) => (query === 'early' ? early.promise : Promise.resolve([memory('late')])),
  });
  const first = list.show({ query: 'early' });
  await list.show({ query: 'late' });
  early.resolve([memory('early')]);
  await first;
  expect(read()?.memories).toEqual([memory('late')]);
});

it('adds older memories, changes one and removes one', async () => {
  const { list, read } = createList({
    list: async (_, before) => ({
      memories: [memory(before === undefined ? 'new' : 'old')],
      hasMore: before === undefined,
    }),
    edit: async (id, text) => memory(id, text),
    forget: async () => undefined,
  });
  await list.show({});
  expect(read()?.hasMore).toBe(true);
  await list.readMore();
  await list.edit('old', 'changed');
  await list.forget('new');
  expect(read()).toMatchObject({ memories: [memory('old', 'changed')], hasMore: false, problem: undefined });
});

it('keeps a memory that was not forgotten, and says why', async () => {
  const { list, read } = createList({
    list: async () => ({ memories: [memory('kept')], hasMore: false }),
    forget: () => Promise.reject(new Error('busy')),
  });
  await list.show({});
  await list.forget('kept');
  expect(read()).toMatchObject({ memories: [memory('kept')], hasMore: false, problem: 'busy' });
});

it('keeps its filter for older ones and a new try, and counts again after a memory is forgotten', async () => {
  const asked: string[] = [];
  let fails = true;
  const { list, read } = createList({
    async list({ category, day }, before) {
      asked.push(`${category} ${day} ${before}`);
      if (fails) throw new Error('busy');
      return { memories: [memory('one')], hasMore: true };
    },
    forget: async () => undefined,
    count: async () => ({ total: asked.length, byType: {}, byCategory: {} }),
  });
  await list.show({ category: 'health' });
  await list.show({ day: '2026-05-08' });
  expect(read()).toMatchObject({ memories: undefined, isReading: false, problem: 'busy' });
  fails = false;
  await list.refresh();
  await list.readMore();
  expect(asked.slice(1)).toEqual([
    ...['health 2026-05-08 undefined', 'health 2026-05-08 undefined', 'health 2026-05-08 one'],
  ]);
  await list.forget('one');
  expect(read()).toMatchObject({
    ...{ counts: { total: 4 }, problem: undefined, filter: { ...NO_FILTER, category: 'health', day: '2026-05-08' } },
  });
});
