import { createSqlitePlace } from '@ogong/testing/gateway/books-place';
import { createTestMemory, createTestVector, TEST_MODEL } from '@ogong/testing/memory/memory-fixture';
import { openTestMemories, testMasterKey } from '@ogong/testing/memory/memory-place';
import { expect, it } from 'vitest';
import type { MemoryIndex } from '../index/memory-index.ts';
import { deriveMasterKey } from '../seal/master-key.ts';
import { buildIndex, updateIndex } from './build-index.ts';
import { MEMORY_SCHEMA } from './memory-schema.ts';
import { findUser } from './users.ts';

const search = async (index: MemoryIndex, text: string): Promise<readonly string[]> =>
  (await index.search({ text, vector: createTestVector(0), embeddingModel: TEST_MODEL, limit: 10 })).worded;

it('brings an index up to date by the changed memories alone, and drops those that are gone', async () => {
  const place = await createSqlitePlace(MEMORY_SCHEMA);
  const { books: works, store, close } = await openTestMemories(place);
  const source = {
    works,
    find: () => findUser(deriveMasterKey(testMasterKey()), 'ann'),
    maxBytes: 2 ** 24,
  };
  const [kept, ended] = [createTestMemory({ text: 'kept' }), createTestMemory({ text: 'ended' })];
  const [edited, removed] = [createTestMemory({ text: 'edited' }), createTestMemory({ text: 'removed' })];
  await store.change('ann', { evidence: [], added: [kept, ended, edited, removed] });
  const { index, ...state } = await buildIndex(source);
  expect(index.count()).toBe(4);

  const many = Array.from({ length: 250 }, () => createTestMemory({ text: 'one of many' }));
  for (const part of [many.slice(0, 125), many.slice(125)]) await store.change('ann', { evidence: [], added: part });
  const newer = createTestMemory({ text: 'newer', supersedes: ended.memory.id });
  await store.change('ann', { evidence: [], added: [newer] });
  await store.edit('ann', { ...edited, memory: { ...edited.memory, text: 'changed' } });
  await store.remove('ann', removed.memory.id);
  await store.writeNote('ann', 'bio', 'a note');

  let put = 0;
  const counting: MemoryIndex = {
    ...index,
    put(added) {
      put += added.length;
      index.put(added);
    },
  };
  const updated = await updateIndex(source, counting, state);
  expect(updated).toEqual({ userId: state.userId, revision: state.revision + 6 });
  expect([put, index.count()]).toEqual([250 + 3, 250 + 4]);
  for (const [text, ids] of [
    ['newer', [newer.memory.id]],
    ['changed', [edited.memory.id]],
    ['kept', [kept.memory.id]],
    ['edited', []],
    ['ended', []],
    ['removed', []],
  ] as const)
    expect(await search(index, text), text).toEqual(ids);
  expect(await updateIndex(source, counting, updated ?? state)).toEqual(updated);
  expect(put).toBe(253);

  await expect(updateIndex({ ...source, maxBytes: 1 }, index, state)).rejects.toMatchObject({ code: 'full' });
  await store.removeUser('ann');
  await store.change('ann', { evidence: [], added: [kept] });
  expect(await updateIndex(source, index, state)).toBeUndefined();
  index.close();
  await close();
  await place.remove();
});
