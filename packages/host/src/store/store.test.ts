import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from './store.ts';

const TABLE = 'CREATE TABLE record (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT';

let directory: string;
let stores: Store[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-store-'));
  stores = [];
});
afterEach(() => {
  for (const store of stores) store.close();
  chmodSync(directory, 0o700);
  rmSync(directory, { recursive: true });
});

function open(name = 'a.db', schema = TABLE, busyTimeoutMs = 50): Store {
  const store = openStore(join(directory, name), { schema, busyTimeoutMs });
  stores.push(store);
  return store;
}

const count = (store: Store): number =>
  store.read(({ prepare }) => prepare('SELECT count(*) AS n FROM record').get()?.n as number);
const insert = (store: Store, body: string) => store.prepare('INSERT INTO record (body) VALUES (?)').run(body);

it('syncs every commit and enforces references', () => {
  const pragma = (name: string) => Object.values(open().prepare(`PRAGMA ${name}`).get() ?? {})[0];
  expect([pragma('journal_mode'), pragma('synchronous'), pragma('foreign_keys')]).toEqual(['wal', 2, 1]);
});

it('keeps a transaction whole', () => {
  const store = open();
  store.transact(() => insert(store, 'a'));
  expect(() =>
    store.transact(() => {
      insert(store, 'b');
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(count(store)).toBe(1);
  expect(() => store.transact(() => insert(store, 'a'))).toThrow(/UNIQUE/);
});

describe('the schema', () => {
  it('is made once, and found again however it is laid out', () => {
    open().transact((store) => insert(store, 'a'));
    stores.pop()?.close();
    expect(count(open('a.db', `\n  ${TABLE.replaceAll(' ', '\n ')}\n`))).toBe(1);
  });

  it('leaves nothing behind when it fails', () => {
    expect(() => open('a.db', `${TABLE}; nonsense`)).toThrow(/syntax/);
    expect(count(open())).toBe(0);
  });

  it('is refused if the file was made by another one, and the file stays as it was', () => {
    open().transact((store) => insert(store, 'a'));
    stores.pop()?.close();
    const other = () => open('a.db', `${TABLE}; CREATE TABLE later (id)`);
    for (let i = 0; i < 2; i++) {
      expect(other).toThrow(
        expect.objectContaining({ code: 'version', message: expect.stringContaining('move the file') }),
      );
    }
    expect(count(open())).toBe(1);
  });

  it('is not laid over the tables of a stranger', () => {
    const stranger = new DatabaseSync(join(directory, 'a.db'));
    stranger.exec('CREATE TABLE something (id)');
    stranger.close();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'version' }));
  });
});

describe('broken storage', () => {
  it('is reported as full', () => {
    const store = open();
    store.database.exec('PRAGMA max_page_count = 4');
    const fill = () => store.transact(() => insert(store, 'x'.repeat(50_000)));
    expect(fill).toThrow(expect.objectContaining({ code: 'disk-full', retryable: false }));
    expect(count(store)).toBe(0);
    store.database.exec('PRAGMA max_page_count = 1000');
    fill();
    expect(count(store)).toBe(1);
  });

  it('is reported as busy', () => {
    const [a, b] = [open(), open()];
    a.database.exec('BEGIN IMMEDIATE');
    expect(() => b.transact(() => insert(b, 'b'))).toThrow(expect.objectContaining({ code: 'busy', retryable: true }));
    a.database.exec('COMMIT');
    b.transact(() => insert(b, 'b'));
  });

  it('is reported as corrupt', () => {
    writeFileSync(
      join(directory, 'a.db'),
      'not a database, but as long as the header of one, which is 100 bytes. '.repeat(4),
    );
    expect(() => open()).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it('is reported when there is no directory', () => {
    expect(() => open(join('absent', 'a.db'))).toThrow(expect.objectContaining({ code: 'io' }));
  });

  it.skipIf(process.getuid?.() === 0)('is reported when it cannot be written (not as root)', () => {
    chmodSync(directory, 0o500);
    expect(() => open()).toThrow(expect.objectContaining({ code: 'io' }));
  });
});
