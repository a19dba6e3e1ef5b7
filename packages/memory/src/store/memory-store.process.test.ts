import { join } from 'node:path';
import { findAll } from '@ogong/host/store/work';
import { createDatabasePlace } from '@ogong/testing/gateway/books-place';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { createTestMemory, createTestVector, TEST_MODEL } from '@ogong/testing/memory/memory-fixture';
import { testMasterKey } from '@ogong/testing/memory/memory-place';
import { describeMemoryStore } from '@ogong/testing/memory/memory-store-compliance';
import { describeRandomMemories } from '@ogong/testing/memory/memory-store-model';
import { goodExtractor } from '@ogong/testing/memory/scripted-extractors';
import { createScriptedModels } from '@ogong/testing/memory/scripted-models';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemoryStorePlace } from '../daemon/memoryd-config.ts';
import { MEMORIES_FILE, openMemories, openMemoryWorks } from '../daemon/open-store-files.ts';
import { createMemoryService } from '../memory-service.ts';
import { idRow, MEMORY_SCHEMA } from './memory-schema.ts';
import type { MemoryStore } from './memory-store.ts';
import { rotateMasterKey } from './vault.ts';

const { signal } = new AbortController();
const query = { text: 'tea', vector: createTestVector(0), embeddingModel: TEST_MODEL, limit: 10 };

describe.skipIf(noPostgres !== undefined)(`memories in PostgreSQL${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  const directory = createTestDirectory('memories');
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(async () => {
    await server?.stop();
    directory.remove();
  });

  const placeDatabase = async (): Promise<MemoryStorePlace> => ({
    ...{ dataDir: directory.path, database: await server.createDatabase(), databasePassword: server.password },
  });
  async function createPlace() {
    const place = await placeDatabase();
    return createDatabasePlace(MEMORY_SCHEMA, async () => {
      const { opened: books, close } = await openMemoryWorks(place);
      return { books, close };
    });
  }
  describeMemoryStore(createPlace);
  describeRandomMemories(createPlace, { numRuns: 8, programs: 2 });

  describe('of two processes', () => {
    const openBoth = (place: MemoryStorePlace) =>
      Promise.all([openMemories(place, testMasterKey()), openMemories(place, testMasterKey())]);
    const find = async (store: MemoryStore): Promise<string[]> =>
      (await store.search('ann', query)).map(({ memory }) => memory.text).sort();

    it('find what the other one stored, and neither what it removed nor its keys', async () => {
      const place = await placeDatabase();
      const [one, other] = await openBoth(place);
      const [first, second] = [createTestMemory(), createTestMemory({ text: 'grows tea' })];
      await one.opened.change('ann', { evidence: [], added: [first] });
      // Both have an index of the user now.
      expect(await Promise.all([find(one.opened), find(other.opened)])).toEqual([['likes tea'], ['likes tea']]);
      await other.opened.change('ann', { evidence: [], added: [second] });
      expect(await find(one.opened)).toEqual(['grows tea', 'likes tea']);
      await one.opened.edit('ann', { ...second, memory: { ...second.memory, text: 'sells tea' } });
      expect(await find(other.opened)).toEqual(['likes tea', 'sells tea']);

      const works = await openMemoryWorks(place);
      const listKeys = (table: string, id: string) =>
        works.opened.read(() => findAll(idRow, `SELECT ${id} AS id FROM memory_${table}`));
      expect(await listKeys('row_keys', 'id')).toHaveLength(2);
      expect(await one.opened.remove('ann', first.memory.id)).toBe(true);
      expect(await find(other.opened)).toEqual(['sells tea']);
      expect(await other.opened.get('ann', first.memory.id)).toBeUndefined();
      expect(await listKeys('row_keys', 'id')).toEqual([{ id: second.memory.id }]);
      expect(await listKeys('rows', 'id')).toEqual([{ id: second.memory.id }]);
      expect(await other.opened.removeUser('ann')).toBe(true);
      expect(await find(one.opened)).toEqual([]);
      for (const table of ['users', 'user_keys', 'entries', 'rows', 'row_keys'])
        expect(await listKeys(table, 'user_id'), table).toEqual([]);
      await Promise.all([one, other, works].map(({ close }) => close()));
    });

    it('read the same conversation of a user one after the other, and store it once', async () => {
      const [one, other] = await openBoth(await placeDatabase());
      const models = createScriptedModels(goodExtractor);
      let drawn = 0;
      const services = [one, other].map(({ opened: store }) =>
        createMemoryService({
          ...{ store, models, clock: { nowMs: () => 1_000 } },
          random: (length) => new Uint8Array(length).fill(++drawn),
        }),
      );
      const messages = [{ role: 'user', content: 'I live in Porto.' }];
      const request = { messages, agentId: 'a', threadId: 't', source: 'test' };
      const added = await Promise.all(services.map((service) => service.add('ann', request, signal)));
      expect(added.map(({ isRepeated }) => isRepeated).sort()).toEqual([false, true]);
      expect(models.asks).toHaveLength(1);
      expect(await one.opened.list('ann', {}, { limit: 10 })).toHaveLength(1);
      await Promise.all([one.close(), other.close()]);
    });

    it('are refused with a master key that another one has replaced, and store nothing under it', async () => {
      const place = await placeDatabase();
      const [one, other] = await openBoth(place);
      await one.opened.change('ann', { evidence: [], added: [createTestMemory()] });
      const works = await openMemoryWorks(place);
      await rotateMasterKey(works.opened, { from: testMasterKey(), to: testMasterKey(8) });
      for (const call of [
        () => one.opened.list('ann', {}, { limit: 1 }),
        () => find(one.opened),
        () => other.opened.change('ann', { evidence: [], added: [createTestMemory()] }),
        () => other.opened.writeNote('bob', 'bio', 'a note'),
      ])
        await expect(call()).rejects.toMatchObject({ code: 'wrong-key' });
      const next = await openMemories(place, testMasterKey(8));
      expect(await find(next.opened)).toEqual(['likes tea']);
      await Promise.all([one, other, works, next].map(({ close }) => close()));
    });
  });

  it('do not hide those of a file', async () => {
    const own = createTestDirectory('file');
    const file = { dataDir: own.path, database: undefined, databasePassword: undefined };
    await (await openMemories(file, testMasterKey())).close();
    const opening = openMemories({ ...(await placeDatabase()), dataDir: own.path }, testMasterKey());
    await expect(opening).rejects.toThrow(`there are memories in ${join(own.path, MEMORIES_FILE)}`);
    own.remove();
  });
});
