import { spawnSync } from 'node:child_process';
import { inspect } from 'node:util';
import { Secret } from '@ogong/host/crypto/secret';
import { columns, text } from '@ogong/host/store/columns';
import { change, findOne, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describeAccounts } from '@ogong/testing/gateway/accounts-compliance';
import { createPostgresPlace } from '@ogong/testing/gateway/books-place';
import { describeLedger } from '@ogong/testing/gateway/ledger-compliance';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { describeReceipts } from '@ogong/testing/gateway/receipts-compliance';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayConfig } from '../../gateway-config.ts';
import { createAccounts } from '../accounts.ts';
import { createChannelLedger } from '../channel-ledger.ts';
import { SHARED_SCHEMA } from '../open-books.ts';
import { reconcile } from '../reconcile.ts';
import { readSpending } from '../spending-store.ts';
import { openPostgresBooks } from './postgres-books.ts';
import type { PostgresOptions } from './postgres-connection.ts';

describe.skipIf(noPostgres !== undefined)(`books in PostgreSQL${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());

  describeLedger(() => createPostgresPlace(server), 8);
  describeAccounts(() => createPostgresPlace(server));
  describeReceipts(() => createPostgresPlace(server));

  describe('a database', () => {
    let url: string;
    const open = (given: Partial<PostgresOptions> = {}) =>
      openPostgresBooks({ url, password: server.password, schema: SHARED_SCHEMA, ...given });
    beforeAll(async () => {
      url = await server.createDatabase();
    });
    /** Adds one, by reading and writing. */
    function* addOne(): Work<void> {
      const row = columns({ spent: text });
      const known = yield* findOne(row, "SELECT spent FROM spending WHERE account = 'n'");
      const sql =
        "INSERT INTO spending VALUES ('n', ?, '0') ON CONFLICT (account) DO UPDATE SET spent = excluded.spent";
      yield* change(sql, `${BigInt(known?.spent ?? 0) + 1n}`);
    }

    it('takes the writes of all gateways one after the other', async () => {
      const gateways = await Promise.all([open(), open(), open()]);
      await Promise.all(gateways.flatMap((books) => Array.from({ length: 40 }, () => books.write(addOne))));
      expect((await readSpending(gateways[0] as WorkStore, 'n')).spent).toBe(120n);
      await Promise.all(gateways.map((books) => books.close()));
    });

    it('lets a write wait for those that touch the same, or everything, and for no other', async () => {
      const [books, other, third] = await Promise.all([open(), open(), open()]);
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
      const first = write(books, 'first', ['channel a', 'key 1'], stands);
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
      await Promise.all([books, other, third].map((each) => each.close()));
    });

    it('loses no unit of money where gateways book orders of the same keys and channels at once', async () => {
      const seed = Number(process.env.OGONG_SEED ?? 1);
      const random = createSeededRandom(seed);
      const own = await server.createDatabase();
      const stores = await Promise.all([0, 1, 2].map(() => open({ url: own })));
      const ledgers = stores.map(createChannelLedger);
      const draw = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
      const bytes = new Uint8Array(65);
      const organisation = { id: 'o', budgetAtomic: undefined };
      const payers = [{ keyId: 'k' }, { keyId: 'l', organisation }, { keyId: 'm', organisation }];
      const orders = Array.from({ length: 90 }, (_, i) => ({
        ...{ replyId: `${i}`, completionId: `${i}`, choice: 0, validator: draw(['aa', 'bb']), ...draw(payers) },
        ...{ keyBudgetAtomic: undefined, model: 'm', maxFeeAtomic: 10n },
        ...{ spendableAtomic: 10n ** 9n, spentAtomic: 0n, createdMs: 1, expiresMs: 2 },
      }));
      const closing = { judgedRecord: '', verdict: 'accept', detail: '', settlement: '0x1' };
      await Promise.all(
        orders.map(async (order) => {
          const [maker, closer] = [draw(ledgers), draw(ledgers)];
          await maker.reserve(order, () => ({ order: bytes, signature: bytes }));
          await maker.deliver(order.replyId, { recordHash: 'ab', feeAtomic: 3n, promptTokens: 1, outputTokens: 1 });
          await closer.listUnsettled(100, 0);
          await closer.close(order.replyId, { ...closing, feeAtomic: 3n });
        }),
      );
      expect(await reconcile(stores[0] as WorkStore), `seed ${seed}`).toEqual([]);
      const spent = await Promise.all(
        ['k', 'l', 'm'].map(async (key) => (await readSpending(stores[0] as WorkStore, key)).spent),
      );
      expect(
        spent.reduce((a, b) => a + b),
        `seed ${seed}`,
      ).toBe(270n);
      await Promise.all(stores.map((each) => each.close()));
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
      const books = await open();
      const insert = (account: string) => () => change("INSERT INTO spending VALUES (?, '1', '0')", account);
      const results = await Promise.allSettled([
        books.write(insert('a')),
        books.write(function* () {
          yield* insert('b')();
          throw new TypeError('no');
        }),
        books.write(insert('a')),
        books.write(insert('c')),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
      const spent = await Promise.all(['a', 'b', 'c'].map(async (one) => (await readSpending(books, one)).spent));
      expect(spent).toEqual([1n, 0n, 1n]);
      await books.close();
      await expect(books.write(insert('d'))).rejects.toMatchObject({ code: 'closed' });
    });

    it('is used again after its connections were cut, and what ran meanwhile is undone', async () => {
      const books = await open();
      const ran = books.alone('test', async () => {
        await server.cut(url);
        return 'done';
      });
      await expect(ran).rejects.toMatchObject({ code: 'io' });
      await books.write(() => change("INSERT INTO spending VALUES ('after', '7', '0')"));
      expect((await readSpending(books, 'after')).spent).toBe(7n);
      await books.close();
    });

    it('lets one gateway at a time do what it does alone', async () => {
      const [first, second] = await Promise.all([open(), open()]);
      const order: string[] = [];
      const run = (name: string) => async () => {
        order.push(`${name} begins`);
        await readSpending(second, 'n');
        order.push(`${name} ends`);
      };
      await Promise.all([first.alone('x', run('a')), second.alone('x', run('b'))]);
      expect([order.join(', ')]).toContainEqual(
        expect.stringMatching(/^(a begins, a ends, b begins, b ends|b begins, b ends, a begins, a ends)$/),
      );
      await Promise.all([first.close(), second.close()]);
    });

    it('keeps text with NUL, which a stranger may send', async () => {
      const books = await open();
      await books.write(() => change("INSERT INTO spending VALUES (?, '1', '0')", 'a\0b'));
      expect((await readSpending(books, 'a\ufffdb')).spent).toBe(1n);
      await books.close();
    });

    it('belongs to one payer, one network and one version of the program', async () => {
      await (await open({ facts: { payer: '0x01' } })).close();
      await expect(open({ facts: { payer: '0x02' } })).rejects.toMatchObject({
        code: 'version',
        message: expect.stringContaining('belongs to the payer 0x01'),
      });
      await expect(open({ schema: `${SHARED_SCHEMA} CREATE TABLE more (id INTEGER);` })).rejects.toMatchObject({
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

    it('is where the admin command works, with the password from the environment', async () => {
      const own = await server.createDatabase();
      const program = findProgram(new URL('../../bin/ogong-gatewayd.ts', import.meta.url));
      const directory = createTestDirectory('admin');
      const env = { ...process.env, OGONG_GATEWAY_DATABASE_PASSWORD: server.password.reveal() };
      const run = (...words: string[]) =>
        spawnSync(
          process.execPath,
          [program, 'admin', ...words, '--json', '--database', own, '--data-dir', directory.path],
          {
            ...{ env, encoding: 'utf8' },
          },
        ).stdout;
      expect(JSON.parse(run('org', 'put', 'acme'))).toEqual({ id: 'acme', outcome: 'added' });
      expect(JSON.parse(run('reconcile'))).toEqual({ ok: true, discrepancies: [] });
      const books = await open({ url: own });
      expect((await createAccounts(books, Date.now).listOrganisations()).map(({ id }) => id)).toEqual(['acme']);
      await books.close();
      directory.remove();
    });

    it('is given without a password in its URL', () => {
      const parse = (url: string) => gatewayConfig.parse(['--database', url], {});
      expect(() => parse('postgres://ogong:secret@127.0.0.1/x')).toThrow('without a password');
      expect(() => parse('postgres://ogong@127.0.0.1/x?password=secret')).toThrow('without a password');
      expect(() => parse('postgres://ogong@127.0.0.1')).toThrow('--database');
    });
  });
});
