import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createGroupCommit } from './group-commit.ts';
import { openStore, type Store } from './store.ts';

const TABLE = 'CREATE TABLE record (id INTEGER PRIMARY KEY, body TEXT) STRICT';

let directory: string;
let store: Store;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-group-'));
  store = openStore(join(directory, 'a.db'), { schema: TABLE });
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

const insert =
  (id: number, body = '') =>
  (s: Store) =>
    s.prepare('INSERT INTO record (id, body) VALUES (?, ?)').run(id, body);
const ids = (s: Store) =>
  s.read(({ prepare }) =>
    prepare('SELECT id FROM record ORDER BY id')
      .all()
      .map((row) => row.id),
  );
const range = (length: number) => Array.from({ length }, (_, i) => i);

/** Another connection sees only committed rows. */
function readElsewhere(): unknown[] {
  const other = openStore(store.path, { schema: TABLE });
  try {
    return ids(other);
  } finally {
    other.close();
  }
}

it('acknowledges after the commit and not before', async () => {
  const group = createGroupCommit(store, { maxDelayMs: 1 });
  const write = group.write(insert(1));
  expect(readElsewhere()).toEqual([]);
  await write;
  expect(readElsewhere()).toEqual([1]);
});

it('commits many writes in few transactions and returns the result of each', async () => {
  const group = createGroupCommit(store, { maxDelayMs: 1, maxBatch: 100 });
  const results = await Promise.all(range(250).map((id) => group.write((s) => insert(id)(s).lastInsertRowid)));
  expect(results).toEqual(range(250));
  expect(ids(store)).toEqual(range(250));
});

it('lets a write that may wait go with the next one, or by itself', async () => {
  const group = createGroupCommit(store);
  let isLazy = false;
  const lazy = group.write(insert(1), { mayWait: true }).then(() => {
    isLazy = true;
  });
  await new Promise(setImmediate);
  expect([isLazy, readElsewhere()]).toEqual([false, []]);
  await group.write(insert(2));
  await lazy;
  expect(readElsewhere()).toEqual([1, 2]);
  await group.write(insert(3), { mayWait: true });
  expect(readElsewhere()).toEqual([1, 2, 3]);
  const last = group.write(insert(4), { mayWait: true });
  await group.close();
  await last;
  expect(readElsewhere()).toEqual([1, 2, 3, 4]);
});

it('syncs no transaction of writes that may be lost, and every other', async () => {
  const group = createGroupCommit(store);
  /** 1: the log is not synced by this commit; 2: it is. */
  const readSync = (s: Store) => Number(Object.values(s.prepare('PRAGMA synchronous').get() ?? {})[0]);
  const sync = (options?: { mayWait?: boolean; mayBeLost?: boolean }) => group.write(readSync, options);
  expect(await sync()).toBe(2);
  expect(await sync({ mayBeLost: true })).toBe(1);
  expect(await sync({ mayWait: true })).toBe(1);
  expect(await sync({ mayWait: true, mayBeLost: false })).toBe(2);
  // One that has to last takes the others with it, those before it too.
  expect(await Promise.all([sync({ mayBeLost: true }), sync(), sync({ mayWait: true })])).toEqual([2, 2, 2]);
  const undone = group.write(
    () => {
      throw new Error('changed my mind');
    },
    { mayBeLost: true },
  );
  await expect(undone).rejects.toThrow('changed my mind');
  store.database.exec('PRAGMA max_page_count = 8');
  const full = group.write(insert(1, 'x'.repeat(60_000)), { mayBeLost: true });
  await expect(full).rejects.toMatchObject({ code: 'disk-full' });
  expect(await sync()).toBe(2);
  await group.close();
});

it('pauses between commits that have taken much of the time, and not before those that come now and then', async () => {
  let nowMs = 0;
  const group = createGroupCommit(store, { clock: { nowMs: () => nowMs } });
  const begun = vi.spyOn(store.database, 'exec');
  const commits = (): number => begun.mock.calls.filter(([sql]) => sql === 'BEGIN IMMEDIATE').length;
  /** A write whose commit takes this long. */
  const slow = (id: number, tookMs: number) => (s: Store) => {
    nowMs += tookMs;
    return insert(id)(s);
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(() => resolve())));
  // Ten milliseconds are there at first.
  const first = group.write(slow(1, 12));
  await turn();
  expect(commits()).toBe(1);
  await first;
  const second = group.write(slow(2, 3));
  await turn();
  const third = group.write(slow(3, 3));
  await turn();
  expect(commits()).toBe(1);
  await Promise.all([second, third]);
  expect(commits()).toBe(2);
  // The time that was taken has come back.
  nowMs += 1_000;
  const last = group.write(slow(4, 1));
  await turn();
  expect(commits()).toBe(3);
  await last;
  expect(ids(store)).toEqual([1, 2, 3, 4]);
  await group.close();
});

it('undoes a failing write alone', async () => {
  const group = createGroupCommit(store, { maxDelayMs: 1 });
  const results = await Promise.allSettled([
    group.write(insert(1)),
    group.write((s) => {
      insert(2)(s);
      throw new Error('changed my mind');
    }),
    group.write(insert(1)),
    group.write(insert(3)),
  ]);
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  expect((results[1] as PromiseRejectedResult).reason.message).toBe('changed my mind');
  expect((results[2] as PromiseRejectedResult).reason.message).toMatch(/UNIQUE/);
  expect(readElsewhere()).toEqual([1, 3]);
});

it('acknowledges nothing of a batch that the disk does not hold, and goes on when it does', async () => {
  const group = createGroupCommit(store, { maxDelayMs: 1 });
  await group.write(insert(1));
  store.database.exec('PRAGMA max_page_count = 8');
  const results = await Promise.allSettled([2, 3, 4].map((id) => group.write(insert(id, 'x'.repeat(20_000)))));
  expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'stored'))).toEqual(
    Array(3).fill('disk-full'),
  );
  expect(readElsewhere()).toEqual([1]);
  store.database.exec('PRAGMA max_page_count = 1000');
  await group.write(insert(5));
  expect(readElsewhere()).toEqual([1, 5]);
});

it('refuses more than its queue holds', async () => {
  const group = createGroupCommit(store, { maxDelayMs: 1, maxQueue: 2 });
  const results = await Promise.allSettled(range(3).map((id) => group.write(insert(id))));
  expect((results[2] as PromiseRejectedResult).reason).toMatchObject({ code: 'busy', retryable: true });
  expect(ids(store)).toEqual([0, 1]);
});

it('commits the queue when it closes, then refuses', async () => {
  const group = createGroupCommit(store, { maxDelayMs: 60_000, maxBatch: 2 });
  const writes = Promise.all(range(5).map((id) => group.write(insert(id))));
  await group.close();
  await writes;
  expect(readElsewhere()).toEqual(range(5));
  await expect(group.write(insert(9))).rejects.toMatchObject({ code: 'closed' });
});

it.each([
  [50, ''],
  [400, ''],
  [400, 'aside'],
  [3_000, 'aside'],
  [1500, ''],
])('loses no acknowledged row when killed after %i of them %s', async (rows, log) => {
  const path = join(directory, 'killed.db');
  const script = fileURLToPath(new URL('group-commit-child-fixture.ts', import.meta.url));
  const child = spawn(process.execPath, [script, path, log], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > rows) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  expect(child.signalCode).toBe('SIGKILL');
  const acknowledged = output.split('\n').slice(0, -1).map(Number);
  const reopened = openStore(path, { schema: 'CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB)' });
  const present = new Set(ids(reopened));
  reopened.close();
  expect(acknowledged.length).toBeGreaterThanOrEqual(rows);
  expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
});
