import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SHARED_SCHEMA } from '@ogong/gateway/books/open-books';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import { openPostgresStore } from '@ogong/postgres/postgres-store';
import { createTestDirectory } from '../store/test-directory.ts';
import type { TestPostgres } from './postgres-server.ts';

/** An open store. Closing it without its own end simulates a crash. */
export interface OpenBooks {
  readonly books: WorkStore;
  close(): Promise<void>;
}

/** The place of a gateway's stores, for a compliance suite. */
export interface TestBooksPlace {
  open(): Promise<OpenBooks>;
  /** All stored bytes as text, in which a secret would be found. */
  dump(): Promise<string>;
  remove(): Promise<void>;
}

/** @param schema of another package whose works run on the same databases. */
export async function createSqlitePlace(schema = SHARED_SCHEMA): Promise<TestBooksPlace> {
  const directory = createTestDirectory('books');
  return {
    async open() {
      const store = openStore(join(directory.path, 'gateway.db'), { schema });
      const books = createWorkStore(store);
      return {
        books,
        async close() {
          await books.close();
          store.close();
        },
      };
    },
    dump: async () =>
      readdirSync(directory.path)
        .map((name) => readFileSync(join(directory.path, name), 'latin1'))
        .join(''),
    remove: async () => directory.remove(),
  };
}

/** A new database with the tables of a gateway. */
export async function createPostgresPlace(server: TestPostgres): Promise<TestBooksPlace> {
  const url = await server.createDatabase();
  return createDatabasePlace(SHARED_SCHEMA, async () => {
    const books = await openPostgresStore({
      ...{ url, password: server.password, schema: SHARED_SCHEMA, maxConnections: 4 },
    });
    return { books, close: books.close };
  });
}

/** A database that a program opens. @param schema with all tables that `dump` shows. */
export function createDatabasePlace(schema: string, open: () => Promise<OpenBooks>): TestBooksPlace {
  return {
    open,
    async dump() {
      const { books, close } = await open();
      const tables = [...schema.matchAll(/CREATE TABLE (\w+)/g)].map(([, name]) => name);
      const rows = await books.read(function* () {
        const found: unknown[] = [];
        for (const table of tables) found.push((yield { sql: `SELECT * FROM ${table}`, parameters: [] }).rows);
        return found;
      });
      await close();
      return JSON.stringify(rows, (_, value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
      );
    },
    remove: async () => undefined,
  };
}
