import { inspect } from 'node:util';
import { Secret } from '@ogong/host/crypto/secret';
import { columns, text } from '@ogong/host/store/columns';
import { change, findOne, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresOptions } from './postgres-connection.ts';
import { openPostgresStore } from './postgres-store.ts';
import { nameSchema } from './postgres-version.ts';

const SCHEMA = 'CREATE TABLE spending (account TEXT PRIMARY KEY, spent TEXT NOT NULL, held TEXT NOT NULL) STRICT;';
const row = columns({ spent: text });
const findSpent = (account: string) => findOne(row, 'SELECT spent FROM spending WHERE account = ?', account);
const readSpent = async (store: WorkStore, account: string): Promise<bigint> =>
  BigInt((await store.read(() => findSpent(account)))?.spent ?? 0);

describe.skipIf(noPostgres !== undefined)(`a database of PostgreSQL${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  let server: TestPostgres;
  let url: string;
  beforeAll(async () => {
    server = await startTestPostgres();
    url = await server.createDatabase();
  });
  afterAll(() => server?.stop());
  const open = (given: Partial<PostgresOptions> = {}) =>
    openPostgresStore({ url, password: server.password, schema: SCHEMA, ...given });
  /** Adds one, by reading and writing. */
  function* addOne(): Work<void> {
    const known = yield* findSpent('n');
    const sql = "INSERT INTO spending VALUES ('n', ?, '0') ON CONFLICT (account) DO UPDATE SET spent = excluded.spent";
    yield* change(sql, `${BigInt(known?.spent ?? 0) + 1n}`);
  }

  it('takes the writes of all programs one after the other', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    await Promise.all(stores.flatMap((store) => Array.from({ length: 40 }, () => store.write(addOne))));
    expect(await readSpent(stores[0] as WorkStore, 'n')).toBe(120n);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('takes them one after the other whatever the isolation of its transactions is by default', async () => {
    const own = await server.createDatabase();
    const client = new pg.Client({ connectionString: own.replace('@', `:${server.password.reveal()}@`) });
    await client.connect();
    await client.query(
      `ALTER DATABASE "${new URL(own).pathname.slice(1)}" SET default_transaction_isolation = 'serializable'`,
    );
    await client.end();
    const stores = await Promise.all([open({ url: own }), open({ url: own })]);
    // One transaction for each write: writes that come together would share one.
    const writeAll = async (store: WorkStore): Promise<void> => {
      for (let i = 0; i < 20; i++) await store.write(addOne, { touches: ['n'] });
    };
    await Promise.all(stores.map(writeAll));
    expect(await readSpent(stores[0] as WorkStore, 'n')).toBe(40n);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('lets a write wait for those that touch the same, or everything, and for no other', async () => {
    const [store, other, third] = await Promise.all([open(), open(), open()]);
    const client = new pg.Client({ connectionString: url.replace('@', `:${server.password.reveal()}@`) });
    await client.connect();
    await client.query('SELECT pg_advisory_lock(42)');
    const ended: string[] = [];
    const write = (store: WorkStore, name: string, touches: string[] | undefined, work: () => Work<unknown>) =>
      store.write(work, { touches }).then(() => ended.push(name));
    const stands = (): Work<unknown> => change('SELECT pg_advisory_xact_lock(42)');
    const one = (): Work<unknown> => change('SELECT 1 AS one');
    const countWaiting = async (): Promise<number> => {
      const sql = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
      return Number((await client.query<{ n: string }>(sql)).rows[0]?.n);
    };
    const first = write(store, 'first', ['channel a', 'key 1'], stands);
    await expect.poll(countWaiting).toBe(1);
    const same = write(other, 'same', ['key 2', 'key 1'], one);
    await expect.poll(countWaiting).toBe(2);
    await write(third, 'nothing', [], one);
    await write(third, 'apart', ['channel b', 'key 3'], one);
    const everything = write(third, 'everything', undefined, one);
    await expect.poll(countWaiting).toBe(3);
    expect(ended).toEqual(['nothing', 'apart']);
    await client.query('SELECT pg_advisory_unlock(42)');
    await Promise.all([first, same, everything]);
    expect(ended).toHaveLength(5);
    await client.end();
    await Promise.all([store, other, third].map((each) => each.close()));
  });

  it('tells those that share it of each other, and forgets one that is cut off until it asks again', async () => {
    const own = await server.createDatabase();
    const [first, second] = await Promise.all([open({ url: own }), open({ url: own })]);
    const { own: mine } = await first.listPeers();
    const seen = await second.listPeers();
    expect(seen.all).toEqual([mine, seen.own].sort((a, b) => a - b));
    await second.close();
    await expect.poll(async () => (await first.listPeers()).all).toEqual([mine]);
    await server.cut(own);
    await expect.poll(() => first.listPeers().catch(() => undefined)).toEqual({ own: mine, all: [mine] });
    await first.close();
  });

  it('undoes a write that throws, and no other one of its batch', async () => {
    const store = await open();
    const insert = (account: string) => () => change("INSERT INTO spending VALUES (?, '1', '0')", account);
    const results = await Promise.allSettled([
      store.write(insert('a')),
      store.write(function* () {
        yield* insert('b')();
        throw new TypeError('no');
      }),
      store.write(insert('a')),
      store.write(insert('c')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    const spent = await Promise.all(['a', 'b', 'c'].map((one) => readSpent(store, one)));
    expect(spent).toEqual([1n, 0n, 1n]);
    await store.close();
    await expect(store.write(insert('d'))).rejects.toMatchObject({ code: 'closed' });
  });

  it('is used again after its connections were cut, and what ran meanwhile is undone', async () => {
    const store = await open();
    const ran = store.alone('test', async () => {
      await server.cut(url);
      return 'done';
    });
    await expect(ran).rejects.toMatchObject({ code: 'io' });
    await store.write(() => change("INSERT INTO spending VALUES ('after', '7', '0')"));
    expect(await readSpent(store, 'after')).toBe(7n);
    await store.close();
  });

  it('lets one program at a time do what it does alone', async () => {
    const [first, second] = await Promise.all([open(), open()]);
    const order: string[] = [];
    const run = (name: string) => async () => {
      order.push(`${name} begins`);
      await readSpent(second, 'n');
      order.push(`${name} ends`);
    };
    await Promise.all([first.alone('x', run('a')), second.alone('x', run('b'))]);
    expect([order.join(', ')]).toContainEqual(
      expect.stringMatching(/^(a begins, a ends, b begins, b ends|b begins, b ends, a begins, a ends)$/),
    );
    await Promise.all([first.close(), second.close()]);
  });

  it('lets more programs work alone than it has connections, each until it ends or its connection does', async () => {
    const own = await server.createDatabase();
    const [first, second] = await Promise.all([
      open({ url: own, maxConnections: 1 }),
      open({ url: own, maxConnections: 1 }),
    ]);
    const { promise: end, resolve } = Promise.withResolvers<void>();
    const names = ['a', 'b', 'c'];
    let begun = 0;
    const working = names.map((name) =>
      first.alone(name, async () => {
        await readSpent(first, name);
        begun++;
        await end;
      }),
    );
    await expect.poll(() => begun).toBe(3);
    let ran = 0;
    const waiting = names.map((name) => second.alone(name, async () => ran++));
    await second.alone('d', () => readSpent(second, 'd'));
    expect(ran).toBe(0);
    await first.close();
    await Promise.all(waiting);
    expect(ran).toBe(3);
    resolve();
    const ended = await Promise.allSettled(working);
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(first.alone('a', async () => ran++)).rejects.toMatchObject({ code: 'closed' });
    // The failure of the work itself, as it is.
    const failure = Object.assign(new Error('a model is gone'), { code: 'ECONNREFUSED' });
    await expect(second.alone('a', () => Promise.reject(failure))).rejects.toBe(failure);
    await second.alone('a', async () => ran++);
    await second.close();
  });

  it('holds stores of two kinds that know nothing of each other, and refuses changes as SQLite does', async () => {
    const own = await server.createDatabase();
    const audit = `CREATE TABLE spending (account TEXT PRIMARY KEY, spent TEXT NOT NULL) STRICT;
      CREATE TRIGGER spending_is_kept BEFORE DELETE ON spending BEGIN SELECT RAISE(ABORT, 'it is kept'); END;`;
    const [store, other] = await Promise.all([
      open({ url: own }),
      open({ url: own, schema: audit, namespace: 'other' }),
    ]);
    await store.write(() => change("INSERT INTO spending VALUES ('a', '1', '0')"));
    await other.write(() => change("INSERT INTO spending VALUES ('a', '2')"));
    expect(await Promise.all([readSpent(store, 'a'), readSpent(other, 'a')])).toEqual([1n, 2n]);
    await other.alone('x', () => store.alone('x', () => store.write(() => change('DELETE FROM spending'))));
    for (const sql of ['DELETE FROM spending', 'TRUNCATE spending'])
      await expect(other.write(() => change(sql))).rejects.toThrow('it is kept');
    expect(await Promise.all([readSpent(store, 'a'), readSpent(other, 'a')])).toEqual([0n, 2n]);
    expect((await other.listPeers()).all).toHaveLength(1);
    expect((await store.listPeers()).all).toHaveLength(1);
    // An upgrade of one kind does not wait for programs of the other.
    const newer = audit.replace('spent TEXT NOT NULL', "spent TEXT NOT NULL, note TEXT NOT NULL DEFAULT 'none'");
    const upgraded = { url: own, schema: newer, namespace: 'other', upgrades: [{ from: nameSchema(audit) }] };
    await expect(open(upgraded)).rejects.toThrow('stop all programs');
    await other.close();
    const after = await open(upgraded);
    expect(await Promise.all([readSpent(store, 'a'), readSpent(after, 'a')])).toEqual([0n, 2n]);
    await expect(after.write(() => change('DELETE FROM spending'))).rejects.toThrow('it is kept');
    await Promise.all([store.close(), after.close()]);
  });

  it('keeps text with NUL, which a stranger may send', async () => {
    const store = await open();
    await store.write(() => change("INSERT INTO spending VALUES (?, '1', '0')", 'a\0b'));
    expect(await readSpent(store, 'a\ufffdb')).toBe(1n);
    await store.close();
  });

  it('belongs to one payer, one network and one version of the program', async () => {
    await (await open({ facts: { payer: '0x01' } })).close();
    await expect(open({ facts: { payer: '0x02' } })).rejects.toMatchObject({
      code: 'version',
      message: expect.stringContaining('belongs to the payer 0x01'),
    });
    await expect(open({ schema: `${SCHEMA} CREATE TABLE more (id INTEGER);` })).rejects.toMatchObject({
      message: expect.stringContaining('another version'),
    });
  });

  it('says what keeps it from being opened, and never a password', async () => {
    const wrong = await open({ password: new Secret('not-the-password') }).catch((error: Error) => error);
    expect(wrong).toMatchObject({ code: 'io', message: expect.stringContaining('check user and password') });
    expect(inspect(wrong, { depth: 9 })).not.toContain('not-the-password');
    const nowhere = url.replace(/[^/]+$/, 'nowhere');
    await expect(open({ url: nowhere })).rejects.toThrow('make it with createdb');
    await expect(open({ url: 'postgres://ogong@127.0.0.1:1/x' })).rejects.toMatchObject({ code: 'io' });
  });
});
