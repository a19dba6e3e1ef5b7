import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore, type Store } from '@ogong/host/store/store';

export interface TornFiles {
  tear(
    from: { readonly store: Store; readonly schema: string },
    share: number,
  ): { readonly store: Store; readonly difference: string | undefined };
  /** Every file that was made. */
  remove(): void;
}

const WAL_HEADER_BYTES = 32;

/** Files of databases as they are after a machine stopped in the middle of a transaction. */
export function createTornFiles(): TornFiles {
  let directory: string | undefined;
  let count = 0;

  function makePath(): string {
    directory ??= mkdtempSync(join(tmpdir(), 'ogong-torn-'));
    return join(directory, `${count++}.db`);
  }

  return {
    tear({ store, schema }, share) {
      const [whole, torn] = [makePath(), makePath()];
      const before = countRows(store.database);
      store.database.exec(`VACUUM INTO '${whole}'`);
      const writer = new DatabaseSync(whole);
      writer.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL');
      writer.exec('BEGIN; CREATE TABLE torn (bytes BLOB); INSERT INTO torn VALUES (zeroblob(20000)); COMMIT');
      copyFileSync(whole, torn);
      copyFileSync(`${whole}-wal`, `${torn}-wal`);
      // Never all of it: the end of a transaction is its last frame.
      const { size } = statSync(`${whole}-wal`);
      truncateSync(`${torn}-wal`, WAL_HEADER_BYTES + Math.floor(share * (size - WAL_HEADER_BYTES - 1)));
      writer.close();
      const opened = openStore(torn, { schema });
      const after = countRows(opened.database);
      return { store: opened, difference: before === after ? undefined : `${before} before, ${after} after` };
    },
    remove() {
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Of each table, by its name. */
function countRows(database: DatabaseSync): string {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
  return tables
    .map(({ name }) => `${name} ${database.prepare(`SELECT count(*) AS n FROM "${name}"`).get()?.n}`)
    .join(', ');
}
