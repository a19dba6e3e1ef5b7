import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { createFailingDisk, createHeldLog } from '@ogong/testing/store/test-log';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGroupCommit } from './group-commit.ts';
import { createLogSync } from './log-sync.ts';
import { openStore, type Store } from './store.ts';

const TABLE = 'CREATE TABLE record (id INTEGER PRIMARY KEY, body TEXT) STRICT';
const insert = (id: number) => (s: Store) => s.prepare('INSERT INTO record (id) VALUES (?)').run(id);
const ids = (s: Store) =>
  s.read(({ prepare }) =>
    prepare('SELECT id FROM record ORDER BY id')
      .all()
      .map(({ id }) => id),
  );
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(() => resolve())));

let directory: ReturnType<typeof createTestDirectory>;
let store: Store;
beforeEach(() => {
  directory = createTestDirectory('log-sync');
  store = openStore(join(directory.path, 'a.db'), { schema: TABLE });
});
afterEach(() => {
  store.close();
  directory.remove();
});

describe('a log that is synced aside', () => {
  it('is synced before any caller is notified, and commits continue meanwhile', async () => {
    const { log, begun } = createHeldLog();
    const group = createGroupCommit(store, { log });
    const told: number[] = [];
    const write = (id: number, options?: { mayBeLost: boolean }) =>
      group.write(insert(id), options).then(() => told.push(id));
    const first = write(1);
    await turn();
    const second = write(2);
    // A write that may be lost waits for nothing.
    const third = write(3, { mayBeLost: true });
    await turn();
    await turn();
    expect([ids(store), told, begun.length]).toEqual([[1, 2, 3], [], 2]);
    begun[1]?.end();
    await Promise.all([second, third]);
    expect(told).toEqual([2, 3]);
    begun[0]?.end();
    await first;
    const lost = write(4, { mayBeLost: true });
    await lost;
    expect([told, begun.length]).toEqual([[2, 3, 1, 4], 2]);
    await group.close();
  });

  it('reports a failing write at once, alone', async () => {
    const { log, begun } = createHeldLog();
    const group = createGroupCommit(store, { log });
    await turn();
    const kept = group.write(insert(1));
    const twice = group.write(insert(1));
    await turn();
    begun[0]?.end();
    await kept;
    await expect(twice).rejects.toThrow(/UNIQUE/);
    store.database.exec('PRAGMA max_page_count = 1');
    await expect(
      group.write((s) => s.prepare('INSERT INTO record VALUES (2, hex(zeroblob(9000)))').run()),
    ).rejects.toMatchObject({ code: 'disk-full' });
    expect(begun.length).toBe(1);
    await group.close();
  });

  it('accepts nothing more after the disk has failed once', async () => {
    const { log, begun, fail } = createHeldLog();
    const group = createGroupCommit(store, { log });
    const first = group.write(insert(1));
    await turn();
    const second = group.write(insert(2));
    await turn();
    // Written before it failed, and never committed.
    const queued = group.write(insert(3), { mayWait: true });
    const told = Promise.allSettled([first, second, queued, group.read(ids), group.synced()]);
    fail(0);
    await expect(first).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('EIO') });
    await expect(queued).rejects.toMatchObject({ code: 'io' });
    await expect(group.write(insert(4))).rejects.toMatchObject({ code: 'io' });
    // It was behind the missing part, though its own sync ended well.
    begun[1]?.end();
    await expect(second).rejects.toMatchObject({ code: 'io' });
    expect((await told).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    await expect(group.read(ids)).rejects.toMatchObject({ code: 'io' });
    expect(ids(store)).toEqual([1, 2]);
    await group.close();
  });
});

describe('reads for others from a log that is synced aside', () => {
  it('is on the disk, regardless of the writer', async () => {
    const { log, begun } = createHeldLog();
    const group = createGroupCommit(store, { log });
    const told: unknown[] = [];
    const read = () => group.read(ids).then((found) => told.push(found));
    await read();
    const first = group.write(insert(1));
    await turn();
    const [second, third] = [read(), group.synced().then(() => told.push('synced'))];
    await turn();
    expect([ids(store), told]).toEqual([[1], [[]]]);
    begun[0]?.end();
    await Promise.all([first, second, third]);
    expect(told).toHaveLength(3);
    expect(told).toContainEqual([1]);
    // Nobody waits for a write that may be lost.
    await group.write(insert(2), { mayBeLost: true });
    await read();
    expect([told.at(-1), begun.length]).toEqual([[1, 2], 1]);
    await group.close();
  });

  it('waits for the disk if a process has died between commit and sync', async () => {
    const { log } = createHeldLog();
    const before = createGroupCommit(store, { log });
    void before.write(insert(1)).catch(() => undefined);
    await turn();
    const { path } = store;
    const disk = createFailingDisk(path);
    // Another process reads, so the log stays as it is.
    const reader = openStore(path, { schema: TABLE });
    reader.database.exec('BEGIN');
    expect(ids(reader)).toEqual([1]);
    store.close();
    store = openStore(path, { schema: TABLE });
    const after = createGroupCommit(store, { log: disk.log });
    expect(await after.read(ids)).toEqual([1]);
    expect(disk.syncs()).toBe(1);
    reader.database.exec('COMMIT');
    reader.close();
  });

  it('is left by a power failure', async () => {
    const { path } = store;
    const disk = createFailingDisk(path, 2);
    const group = createGroupCommit(store, { log: disk.log });
    const told: unknown[] = [];
    for (let id = 0; id < 5; id++)
      await group.write(insert(id)).then(
        () => told.push(id),
        () => undefined,
      );
    store.close();
    disk.cutPower();
    store = openStore(path, { schema: TABLE });
    expect([told, ids(store)]).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });
});

describe('a sync of a log', () => {
  it('covers the file that SQLite writes, and is shared by callers during a sync', async () => {
    const file = await open(`${store.path}-wal`);
    const prototype = Object.getPrototypeOf(file) as { datasync(): Promise<void> };
    const log = createLogSync(store);
    const before = (await file.stat()).size;
    const synced: number[] = [];
    const spy = vi.spyOn(prototype, 'datasync').mockImplementation(async function (this: typeof file) {
      synced.push((await this.stat()).ino);
    });
    try {
      store.transact(insert(1));
      expect((await file.stat()).size).toBeGreaterThan(before);
      await Promise.all([log.sync(), log.sync(), log.sync(), log.sync()]);
      const { ino } = await file.stat();
      expect(synced).toEqual([ino, ino]);
      await log.sync();
      expect(synced.length).toBe(3);
      const last = log.sync();
      await log.close();
      await last;
      // A kernel reports a failed write once: the next sync would end well.
      spy.mockRejectedValueOnce(new Error('EIO'));
      const failing = createLogSync(store);
      const outcomes = await Promise.allSettled([failing.sync(), failing.sync()]);
      await expect(failing.sync()).rejects.toThrow('EIO');
      await expect(failing.failed).rejects.toMatchObject({ code: 'io' });
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      await failing.close();
    } finally {
      spy.mockRestore();
      await file.close();
    }
  });

  it('works even if the log cannot be measured', async () => {
    const log = createLogSync(store);
    store.transact(insert(1));
    store.transact(insert(2));
    const reading = store.prepare('SELECT id FROM record').iterate();
    reading.next();
    expect(() => store.prepare('PRAGMA wal_checkpoint(NOOP)').get()).toThrow('locked');
    await log.sync();
    await log.bringOver();
    reading.return?.();
    await log.close();
  });

  it('is brought into the database on another thread once it is long, and begins anew', async () => {
    const log = createLogSync(store);
    const group = createGroupCommit(store, { log });
    const measure = () => store.prepare('PRAGMA wal_checkpoint(NOOP)').get() as { log: number; checkpointed: number };
    const page = 'x'.repeat(4_000);
    const write = (id: number) =>
      group.write(({ prepare }) =>
        prepare(
          'WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) INSERT INTO record SELECT ? + i, ? FROM n',
        ).run(100 * id, page),
      );
    for (let id = 0; id < 9; id++) await write(id);
    expect(measure()).toMatchObject({ checkpointed: 0 });
    for (let id = 9; id < 14; id++) await write(id);
    await expect.poll(() => measure().checkpointed).toBeGreaterThan(900);
    // Rows that came meanwhile are brought over with the next ones.
    for (let id = 14; id < 60 && measure().log > 900; id++) await write(id);
    const last = measure().log;
    expect(last).toBeLessThan(60 * 100);
    // A caller that empties the log finds it brought over.
    for (let id = 60; id < 62; id++) await write(id);
    expect(measure().checkpointed).toBeLessThan(measure().log);
    await log.bringOver();
    const { log: pages, checkpointed } = measure();
    expect(checkpointed).toBe(pages);
    expect(await group.eraseDeleted()).toBe(true);
    expect(measure()).toMatchObject({ log: 0 });
    const { path } = store;
    const before = ids(store);
    await group.close();
    store.close();
    store = openStore(path, { schema: TABLE });
    expect(ids(store)).toEqual(before);
  });

  it('is done if no thread can be started for the checkpoint', async () => {
    const asked = vi.fn(() => {
      throw new Error('EAGAIN');
    });
    const log = createLogSync(store, asked);
    store.transact(({ prepare }) => {
      const add = prepare('INSERT INTO record (body) VALUES (?)');
      for (let i = 0; i < 1_200; i++) add.run('x'.repeat(4_000));
    });
    await log.sync();
    await log.bringOver();
    await log.sync();
    expect(asked).toHaveBeenCalledOnce();
    await log.close();
  });

  it('keeps the same log over a truncation, and after another connection has ended', async () => {
    const log = createLogSync(store);
    const group = createGroupCommit(store, { log });
    await group.write(insert(1));
    expect(store.eraseDeleted()).toBe(true);
    const other = openStore(store.path, { schema: TABLE });
    expect(ids(other)).toEqual([1]);
    other.close();
    await group.write(insert(2));
    const file = await open(`${store.path}-wal`);
    expect((await file.stat()).size).toBeGreaterThan(0);
    await file.close();
    await group.close();
  });
});
