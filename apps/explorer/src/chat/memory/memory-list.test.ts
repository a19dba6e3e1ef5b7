import { expect, it } from 'vitest';
import type { KnownMemory } from './memory-client.ts';
import { createMemoryList, type MemoryListState } from './memory-list.ts';

const memory = (id: string, text = id): KnownMemory => ({
  ...{ id, text, type: 'semantic', categories: [], createdAt: '', updatedAt: '' },
  ...{ quote: undefined, receipts: undefined },
});

function createList(api: Partial<Parameters<typeof createMemoryList>[0]> = {}) {
  const unused = () => Promise.reject(new Error('not expected'));
  let state: MemoryListState | undefined;
  const list = createMemoryList({ list: unused, search: unused, edit: unused, forget: unused, ...api }, (told) => {
    state = told;
  });
  return { list, read: () => state };
}

it('shows the last search, although an earlier one answers later', async () => {
  const early = Promise.withResolvers<KnownMemory[]>();
  const { list, read } = createList({
    search: (query) => (query === 'early' ? early.promise : Promise.resolve([memory('late')])),
  });
  const first = list.show('early');
  await list.show('late');
  early.resolve([memory('early')]);
  await first;
  expect(read()?.memories).toEqual([memory('late')]);
});

it('adds older memories, changes one and removes one', async () => {
  const { list, read } = createList({
    list: async (before) => ({
      memories: [memory(before === undefined ? 'new' : 'old')],
      hasMore: before === undefined,
    }),
    edit: async (id, text) => memory(id, text),
    forget: async () => undefined,
  });
  await list.show('');
  expect(read()?.hasMore).toBe(true);
  await list.readMore();
  await list.edit('old', 'changed');
  await list.forget('new');
  expect(read()).toEqual({ memories: [memory('old', 'changed')], hasMore: false, problem: undefined });
});

it('keeps a memory that was not forgotten, and says why', async () => {
  const { list, read } = createList({
    list: async () => ({ memories: [memory('kept')], hasMore: false }),
    forget: () => Promise.reject(new Error('busy')),
  });
  await list.show('');
  await list.forget('kept');
  expect(read()).toEqual({ memories: [memory('kept')], hasMore: false, problem: 'busy' });
});
