import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { runTransaction } from '@ogong/host/store/store';
import { viewValues } from '@ogong/protocol/modality/shared/values';
import { CATEGORIES, type Category, type EmbeddedMemory } from '../memory.ts';
import type { MemoryQuery } from '../store/memory-store.ts';
import { openVectorDatabase } from './vector-database.ts';
import { toWordQuery } from './word-query.ts';

/** Ids of both orders, best first. */
export interface IndexHits {
  readonly nearest: readonly { readonly id: string; readonly distance: number }[];
  readonly worded: readonly string[];
}

/** The memories of one user in plain, in this process's memory. */
export interface MemoryIndex {
  /** Adds memories, or replaces those with the same id. */
  put(added: readonly EmbeddedMemory[]): void;
  end(id: string, supersededAtMs: number): void;
  drop(id: string): void;
  /** Drops all others. */
  retain(ids: ReadonlySet<string>): void;
  count(): number;
  /** Other work of the event loop runs between the slices of a search. */
  search(query: MemoryQuery): Promise<IndexHits>;
  readSizeBytes(): number;
  close(): void;
}

/**
 * Memories of one slice. The words of each slice have a table of their own, because FTS5 reads all hits of a word for its ranks. A slice of
 * vectors of 384 values takes about 10 ms.
 */
const SLICE = 4_096;
/** Ids of each order. */
const DEPTH = 200;

const SCHEMA = `
  CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    categories INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    superseded_ms INTEGER,
    model TEXT NOT NULL,
    vector BLOB NOT NULL
  ) STRICT;
`;

export function createMemoryIndex(): MemoryIndex {
  const database = openVectorDatabase();
  database.exec(SCHEMA);
  const insert = database.prepare('INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const findNumber = database.prepare('SELECT number FROM entries WHERE id = ?');
  const erase = database.prepare('DELETE FROM entries WHERE number = ?');
  const endOne = database.prepare('UPDATE entries SET superseded_ms = ? WHERE id = ?');
  const listIds = database.prepare('SELECT id FROM entries');
  const countAll = database.prepare('SELECT COUNT(*) AS count FROM entries');
  const measure = database.prepare(
    'SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()',
  );
  const slices: Slice[] = [];
  let last = 0;

  const sliceOf = (number: number): Slice => slices[Math.floor((number - 1) / SLICE)] as Slice;

  function putOne({ memory, vector, embeddingModel }: EmbeddedMemory): void {
    drop(memory.id);
    const number = ++last;
    if (number > slices.length * SLICE) slices.push(addSlice(database, slices.length));
    const { id, type, agentId, threadId, createdAtMs, supersededAtMs = null } = memory;
    const fields = [type, toBits(memory.categories), agentId, threadId, createdAtMs, supersededAtMs];
    insert.run(number, id, ...fields, embeddingModel, viewValues(vector));
    sliceOf(number).insert.run(number, memory.text);
  }

  function drop(id: string): void {
    const number = findNumber.get(id)?.number as number | undefined;
    if (number === undefined) return;
    sliceOf(number).erase.run(number);
    erase.run(number);
  }

  return {
    put: (added) => runTransaction(database, () => added.forEach(putOne)),
    end: (id, atMs) => void endOne.run(atMs, id),
    drop: (id) => runTransaction(database, () => drop(id)),
    retain(ids) {
      const gone = listIds.all().flatMap(({ id }) => (ids.has(id as string) ? [] : [id as string]));
      runTransaction(database, () => gone.forEach(drop));
    },
    count: () => countAll.get()?.count as number,
    async search(query) {
      const filter = toFilter(query);
      const [vector, words] = [viewValues(query.vector), toWordQuery(query.text)];
      const near = database.prepare(`SELECT id, vec_distance_cosine(vector, ?) AS rank FROM entries
        WHERE number > ? AND number <= ? AND model = ? AND length(vector) = ? AND ${filter.sql}
        ORDER BY rank LIMIT ${DEPTH}`);
      const nearest = await findBest(slices, (_, slice) =>
        near.all(vector, slice * SLICE, (slice + 1) * SLICE, query.embeddingModel, vector.length, ...filter.values),
      );
      const worded = await findBest(words === undefined ? [] : slices, ({ table }) => {
        const sql = `SELECT e.id, ${table}.rank AS rank FROM ${table} JOIN entries e ON e.number = ${table}.rowid
          WHERE ${table} MATCH ? AND ${filter.sql} ORDER BY rank LIMIT ${DEPTH}`;
        return database.prepare(sql).all(words as string, ...filter.values);
      });
      return {
        nearest: nearest.map(({ id, rank }) => ({ id, distance: rank })),
        worded: worded.map(({ id }) => id),
      };
    },
    readSizeBytes: () => measure.get()?.bytes as number,
    close: () => database.close(),
  };
}

interface Ranked {
  readonly id: string;
  /** Less is better. */
  readonly rank: number;
}

/** The words of one slice. */
interface Slice {
  readonly table: string;
  readonly insert: StatementSync;
  readonly erase: StatementSync;
}

function addSlice(database: DatabaseSync, number: number): Slice {
  const table = `words${number}`;
  database.exec(`
    CREATE VIRTUAL TABLE ${table} USING fts5(text, tokenize = 'porter unicode61 remove_diacritics 2');
    INSERT INTO ${table} (${table}, rank) VALUES ('secure-delete', 1)`);
  return {
    table,
    insert: database.prepare(`INSERT INTO ${table} (rowid, text) VALUES (?, ?)`),
    erase: database.prepare(`DELETE FROM ${table} WHERE rowid = ?`),
  };
}

/** Other work runs between two slices. */
async function findBest(
  slices: readonly Slice[],
  find: (slice: Slice, number: number) => readonly unknown[],
): Promise<readonly Ranked[]> {
  let best: readonly Ranked[] = [];
  for (const [number, slice] of slices.entries()) {
    if (number > 0) await nextTurn();
    const found = find(slice, number) as readonly Ranked[];
    best = [...best, ...found].sort((a, b) => a.rank - b.rank).slice(0, DEPTH);
  }
  return best;
}

const toBits = (categories: readonly Category[]): number =>
  categories.reduce((bits, category) => bits | (1 << CATEGORIES.indexOf(category)), 0);

/** Returns conditions over columns that no table of words has. */
function toFilter({ categories, type, agentId, threadId, asOfMs }: MemoryQuery): {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
} {
  const parts: (readonly [sql: string, ...values: SQLInputValue[]])[] = [
    asOfMs === undefined
      ? ['superseded_ms IS NULL']
      : ['created_ms <= ? AND (superseded_ms IS NULL OR superseded_ms > ?)', asOfMs, asOfMs],
  ];
  if (categories !== undefined) parts.push(['categories & ? <> 0', toBits(categories)]);
  if (type !== undefined) parts.push(['type = ?', type]);
  if (agentId !== undefined) parts.push(['agent_id = ?', agentId]);
  if (threadId !== undefined) parts.push(['thread_id = ?', threadId]);
  return { sql: parts.map(([sql]) => sql).join(' AND '), values: parts.flatMap(([, ...values]) => values) };
}
