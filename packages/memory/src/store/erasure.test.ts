import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore, type Store } from '@ogong/host/store/store';
import { findAll } from '@ogong/host/store/work';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { createTestEvidence, createTestMemory } from '@ogong/testing/memory/memory-fixture';
import { testMasterKey } from '@ogong/testing/memory/memory-place';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { contentRow, MEMORY_SCHEMA, rowKeyRow } from './memory-schema.ts';
import type { MemoryStore } from './memory-store.ts';
import { openMemoryStore } from './open-memory-store.ts';

let directory: ReturnType<typeof createTestDirectory>;
let database: Store;
let works: WorkStore;
let memories: MemoryStore;

async function open(wrap: (works: WorkStore) => WorkStore = (same) => same): Promise<void> {
  database = openStore(join(directory.path, 'memory.db'), { schema: MEMORY_SCHEMA });
  works = wrap(createWorkStore(database));
  memories = await openMemoryStore(works, { masterKey: testMasterKey() });
}
async function close(): Promise<void> {
  await memories.close();
  await works.close();
  database.close();
}
beforeEach(() => {
  directory = createTestDirectory('memories');
});
afterEach(() => directory.remove());

/** Parts of all sealed contents and wrapped keys, and the bytes of every file. */
async function readFiles() {
  const parts = await works.read(function* () {
    const contents = yield* findAll(contentRow, `SELECT ${contentRow.list} FROM memory_rows`);
    const keys = yield* findAll(rowKeyRow, `SELECT ${rowKeyRow.list} FROM memory_row_keys`);
    return [...contents.map(({ content }) => content), ...keys.map(({ wrapped }) => wrapped)];
  });
  return { parts: parts.map((part) => Buffer.from(part.subarray(0, 40))), files: readAllBytes() };
}
/** The files are `memory.db`, its log and the index of its log. */
const readAllBytes = (): Buffer =>
  Buffer.concat(readdirSync(directory.path).map((name) => readFileSync(join(directory.path, name))));

async function addSome() {
  const call = createTestEvidence('x'.repeat(20_000));
  const removed = createTestMemory({ evidence: { extraction: call.id, embedding: call.id, update: undefined } });
  const edited = createTestMemory({ text: 'first text' });
  await memories.change('ann', { evidence: [call], added: [removed, edited] });
  await memories.writeNote('ann', 'bio', 'a note');
  return { removed, edited };
}

it('leaves no byte of removed rows and their keys in any file', async () => {
  await open();
  const { removed, edited } = await addSome();
  const { parts, files } = await readFiles();
  expect(parts).toHaveLength(8);
  const countLeft = (bytes: Buffer): number => parts.filter((part) => bytes.includes(part)).length;
  expect(countLeft(files)).toBe(8);
  await memories.edit('ann', { ...edited, memory: { ...edited.memory, text: 'second text' } });
  expect(countLeft(readAllBytes())).toBe(6);
  await memories.writeNote('ann', 'bio', undefined);
  expect(countLeft(readAllBytes())).toBe(4);
  await memories.remove('ann', removed.memory.id);
  expect(countLeft(readAllBytes())).toBe(0);
  const rest = await readFiles();
  expect(rest.parts).toHaveLength(2);
  await memories.removeUser('ann');
  for (const part of rest.parts) expect(readAllBytes().includes(part)).toBe(false);
  await close();
});

it('erases at the next start if a crash or a reader came in between', async () => {
  await open((real) => ({ ...real, eraseDeleted: async () => false }));
  const { removed, edited } = await addSome();
  const { parts } = await readFiles();
  await expect(memories.remove('ann', removed.memory.id)).rejects.toMatchObject({ code: 'busy', retryable: true });
  expect(await memories.get('ann', removed.memory.id)).toBeUndefined();
  // A repeated call does not say that all is done.
  await expect(memories.remove('ann', removed.memory.id)).rejects.toMatchObject({ code: 'busy' });
  // Another process still has the database open, so its end erases nothing.
  const reader = openStore(database.path, { schema: MEMORY_SCHEMA });
  await close();
  const isErased = (): boolean[] => parts.map((part) => !readAllBytes().includes(part));
  expect(isErased()).toContain(false);
  reader.close();
  await open();
  expect(isErased().filter(Boolean)).toHaveLength(4);
  expect((await memories.get('ann', edited.memory.id))?.memory.text).toBe('first text');
  await close();
});

it("erases a user's rows in slices, and goes on after a crash", async () => {
  let writesLeft = Number.POSITIVE_INFINITY;
  await open((real) => ({
    ...real,
    write: (...given) => (writesLeft-- > 0 ? real.write(...given) : Promise.reject(new Error('the process died'))),
  }));
  for (let part = 0; part < 5; part++)
    await memories.change('ann', { evidence: [], added: Array.from({ length: 256 }, () => createTestMemory()) });
  const countRows = () =>
    ['users', 'user_keys', 'entries', 'rows', 'row_keys', 'erasures'].map(
      (table) => database.prepare(`SELECT count(*) AS n FROM memory_${table}`).get()?.n,
    );
  expect(countRows()).toEqual([1, 1, 1_280, 1_280, 1_280, 0]);
  const { parts } = await readFiles();
  writesLeft = 2;
  await expect(memories.removeUser('ann')).rejects.toThrow('died');
  expect(countRows()).toEqual([0, 0, 780, 780, 780, 1]);
  expect(await memories.list('ann', {}, { limit: 1 })).toEqual([]);
  await close();
  await open();
  expect(countRows()).toEqual([0, 0, 0, 0, 0, 0]);
  const files = readAllBytes();
  expect(parts.filter((part) => files.includes(part))).toEqual([]);
  await close();
});
