import { join } from 'node:path';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { computeSchemaVersion, openStore } from './store.ts';
import type { StoreUpgrade } from './upgrade.ts';

const RELEASED = `
  CREATE TABLE reply (id BLOB PRIMARY KEY, fee TEXT NOT NULL, old TEXT) STRICT;
  CREATE INDEX reply_by_fee ON reply (fee);
  CREATE TABLE entry (n INTEGER PRIMARY KEY, reply BLOB NOT NULL REFERENCES reply) STRICT;
  CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  INSERT INTO counter VALUES ('orders', 0);
  CREATE TABLE numbered (n INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT) STRICT;
  CREATE TABLE gone (x INTEGER) STRICT;
  CREATE TRIGGER entry_stays BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'kept'); END;
`;
const PRESENT = `
  CREATE TABLE reply (id BLOB PRIMARY KEY, state TEXT NOT NULL DEFAULT 'open', fee TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX reply_by_fee ON reply (fee, state);
  CREATE TABLE entry (n INTEGER PRIMARY KEY, reply BLOB NOT NULL REFERENCES reply) STRICT;
  CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  INSERT INTO counter VALUES ('orders', 0);
  CREATE TABLE numbered (n INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT) STRICT;
  CREATE TABLE fresh (x INTEGER) STRICT;
  CREATE TRIGGER entry_stays BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'kept'); END;
`;
const from = computeSchemaVersion(RELEASED);
const upgrade: StoreUpgrade = {
  from,
  drops: ['gone', 'reply.old'],
  finish: "UPDATE reply SET state = 'closed' WHERE fee = '7'",
};

let directory: TestDirectory;
const path = (): string => join(directory.path, 'role.db');
beforeEach(() => {
  directory = createTestDirectory('upgrade');
  const store = openStore(path(), { schema: RELEASED });
  for (let n = 1; n <= 3; n++) {
    store.transact(({ prepare }) => {
      prepare('INSERT INTO reply (id, fee, old) VALUES (?, ?, ?)').run(new Uint8Array(2).fill(n), `${n + 5}`, 'x');
      prepare('INSERT INTO entry (n, reply) VALUES (?, ?)').run(10 - n, new Uint8Array(2).fill(n));
    });
  }
  store.database.exec('UPDATE counter SET value = 7');
  store.database.exec("INSERT INTO numbered (x) VALUES ('a'), ('b'), ('c'); DELETE FROM numbered WHERE n > 1");
  store.close();
});
afterEach(() => directory.remove());

function read(schema: string, sql: string, upgrades?: readonly StoreUpgrade[]): unknown[] {
  const store = openStore(path(), { schema, ...(upgrades && { upgrades }) });
  try {
    return store.read(({ prepare }) => prepare(sql).all());
  } finally {
    store.close();
  }
}
const countReleased = (): unknown[] => read(RELEASED, 'SELECT count(*) AS n FROM reply JOIN entry ON reply = id');

describe('a store of an earlier release', () => {
  it('has its rows in the present tables, with indexes, triggers and references', () => {
    const replies = read(PRESENT, 'SELECT hex(id) AS id, state, fee FROM reply ORDER BY id', [upgrade]);
    expect(replies).toEqual([
      { id: '0101', state: 'open', fee: '6' },
      { id: '0202', state: 'closed', fee: '7' },
      { id: '0303', state: 'open', fee: '8' },
    ]);
    // The initial rows of a new file do not replace counted values.
    expect(read(PRESENT, 'SELECT name, value FROM counter')).toEqual([{ name: 'orders', value: 7 }]);
    expect(read(PRESENT, 'SELECT n FROM entry ORDER BY n')).toEqual([{ n: 7 }, { n: 8 }, { n: 9 }]);
    const store = openStore(path(), { schema: PRESENT });
    const delivered = store.database.prepare('SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name');
    const fresh = openStore(':memory:', { schema: PRESENT });
    const plain = (rows: readonly object[]): string => JSON.stringify(rows).replaceAll('\\"', '');
    expect(plain(delivered.all())).toBe(plain(fresh.database.prepare(delivered.sourceSQL).all()));
    expect(store.database.prepare("INSERT INTO numbered (x) VALUES ('d') RETURNING n").get()).toEqual({ n: 4 });
    expect(() => store.database.exec('DELETE FROM entry')).toThrow('kept');
    expect(() => store.database.exec("INSERT INTO entry VALUES (1, x'99')")).toThrow('FOREIGN KEY');
    store.close();
    fresh.close();
  });

  it.each([
    ['a table that would be lost', { from, drops: ['reply.old'] }, 'the table gone would be lost'],
    ['a column that would be lost', { from, drops: ['gone'] }, 'the column reply.old would be lost'],
    [
      'rows that nobody can read',
      { ...upgrade, unreadable: { rows: "SELECT 1 FROM reply WHERE fee = '8'", why: 'fees of eight are out' } },
      'cannot be upgraded: fees of eight are out',
    ],
    ['a step that fails', { ...upgrade, finish: 'UPDATE nowhere SET x = 1' }, 'no such table: nowhere'],
    [
      'a row that others refer to',
      { ...upgrade, finish: "DELETE FROM reply WHERE fee = '6'" },
      'a row that others refer to',
    ],
  ])('stays as it was for %s', (_what, broken, problem) => {
    expect(() => read(PRESENT, 'SELECT 1', [broken])).toThrow(problem);
    expect(countReleased()).toEqual([{ n: 3 }]);
  });

  it('stays as it was if a row does not fit', () => {
    const strict = PRESENT.replace("state TEXT NOT NULL DEFAULT 'open'", 'state TEXT NOT NULL');
    expect(() => read(strict, 'SELECT 1', [upgrade])).toThrow('NOT NULL');
    expect(countReleased()).toEqual([{ n: 3 }]);
  });

  it('is refused if no release had it', () => {
    expect(() => read(PRESENT, 'SELECT 1', [{ ...upgrade, from: from + 1 }])).toThrow(
      'another version of this program',
    );
    expect(countReleased()).toEqual([{ n: 3 }]);
  });
});
