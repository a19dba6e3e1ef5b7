import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '@ogong/host/store/store';
import { change, type Work } from '@ogong/host/store/work';
import { createWorkStore, type WorkStore } from '@ogong/host/store/work-store';
import type { PostgresOptions } from '@ogong/postgres/postgres-connection';
import { openPostgresStore } from '@ogong/postgres/postgres-store';
import { nameSchema } from '@ogong/postgres/postgres-version';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeOrder } from '@ogong/protocol/exchange/order';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { ledger } from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAccounts, openAccounts } from './accounts.ts';
import { ACCOUNTS_SCHEMA } from './accounts-schema.ts';
import { createChannelLedger } from './channel-ledger.ts';
import { addCredit } from './credit-store.ts';
import { type ImportedBooks, importBooks } from './import-books.ts';
import { openBooks, SHARED_SCHEMA } from './open-books.ts';
import { reconcile } from './reconcile.ts';
import { GATEWAY_SCHEMA } from './schema.ts';
import { nameAccount, readSpending } from './spending-store.ts';

const bytes = new Uint8Array([0, 1, 255]);
/** An older schema, without the table of signed deposits. */
const older = SHARED_SCHEMA.replace(/CREATE TABLE signed_deposits[\s\S]*?;/, '');
const version = nameSchema(older);

/** Accounts, orders in several states, credit, and text that a stranger chose. */
async function fill(books: WorkStore, accounts: WorkStore): Promise<void> {
  const changes = createAccounts(accounts, () => 5).as('test');
  await changes.putOrganisation({ id: 'acme', name: 'Ácme', budgetAtomic: 10n ** 30n });
  await changes.addKey({ organisation: 'acme', name: 'a', models: ['ogong/replay/*'] });
  const ledger = createChannelLedger(books);
  await books.write(() =>
    addCredit({ id: 'operator:1', account: nameAccount('acme'), amountAtomic: 10n ** 25n, detail: 'x', madeMs: 5 }),
  );
  for (const replyId of ['r1', 'r2', 'r3']) {
    const order = {
      ...{ replyId, completionId: 'c', choice: 0, validator: 'aa', keyId: 'k', keyBudgetAtomic: undefined },
      ...{ organisation: { id: 'acme', budgetAtomic: undefined }, model: 'm', maxFeeAtomic: 10n ** 20n },
      ...{ spendableAtomic: 10n ** 30n, spentAtomic: 0n, createdMs: 1_000, expiresMs: 9_000 },
    };
    await ledger.reserve(order, () => ({ order: bytes, signature: bytes }));
    await ledger.noteFailure(replyId, { code: 'busy', reason: `a\0b ${replyId}`, shownBytes: 3 });
  }
  const closing = { judgedRecord: '', feeAtomic: 7n, verdict: 'accept', detail: '', settlement: '0x1' };
  await ledger.close('r1', closing);
  for (let i = 0; i < 3; i++)
    await books.write(() =>
      change(
        "INSERT INTO outbox (kind, validator, message, attempts, next_ms, expires_ms) VALUES ('delivery', 'aa', ?, 0, 1, 2)",
        bytes,
      ),
    );
}

const outboxIds = async (books: WorkStore): Promise<unknown[]> =>
  books.read(function* (): Work<unknown[]> {
    return (yield { sql: 'SELECT id FROM outbox ORDER BY id', parameters: [] }).rows.map(({ id }) => id);
  });

describe.skipIf(noPostgres !== undefined)(`books that move${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  let server: TestPostgres;
  let url: string;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    url = await server.createDatabase();
  });
  const open = (given: Partial<PostgresOptions> = {}) =>
    openPostgresStore({
      url,
      password: server.password,
      schema: SHARED_SCHEMA,
      upgrades: [{ from: version }],
      ...given,
    });

  /** Checks the ledger's sums, and that it still takes orders. */
  async function assertWhole(books: WorkStore): Promise<void> {
    const ledger = createChannelLedger(books);
    expect(await reconcile(books)).toEqual([]);
    expect(await ledger.channel('aa')).toEqual({
      ...{ cumulativeAtomic: 3n * 10n ** 20n, owedAtomic: 7n, outstandingAtomic: 2n * 10n ** 20n },
    });
    expect((await readSpending(books, nameAccount('acme'))).spent).toBe(7n);
    expect(
      (await ledger.listFailed({ completionId: 'c', choice: 0 })).map(({ replyId, failure }) => [
        replyId,
        failure.reason,
      ]),
    ).toEqual(['r1', 'r2', 'r3'].map((id) => [id, `a\ufffdb ${id}`]));
    expect((await createAccounts(books, Date.now).listAudit('acme', 10)).map(({ action }) => action)).toEqual([
      ...['key added', 'organisation added'],
    ]);
    await books.write(() =>
      change(
        "INSERT INTO outbox (kind, validator, message, attempts, next_ms, expires_ms) VALUES ('delivery', 'aa', ?, 0, 1, 2)",
        bytes,
      ),
    );
    expect(await outboxIds(books)).toEqual([1, 2, 3, 4]);
    await expect(books.write(() => change('DELETE FROM audit'))).rejects.toThrow('only added to');
    expect(
      await ledger.close('r2', { judgedRecord: '', feeAtomic: 1n, verdict: 'accept', detail: '', settlement: '' }),
    ).toBe(true);
    expect(await reconcile(books)).toEqual([]);
  }

  describe('from an earlier release to this one', () => {
    it('keep every row, and go on', async () => {
      expect(older).not.toBe(SHARED_SCHEMA);
      const before = await open({ schema: older, facts: { payer: '0x01' } });
      await fill(before, before);
      await before.close();
      const after = await open({ facts: { payer: '0x01' } });
      await assertWhole(after);
      await after.close();
      const again = await open({ facts: { payer: '0x01' } });
      expect(await outboxIds(again)).toEqual([1, 2, 3, 4]);
      await again.close();
      await expect(open({ facts: { payer: '0x02' } })).rejects.toThrow('belongs to the payer');
    });

    it('are not written by a gateway of before that had no connection while they were upgraded', async () => {
      const before = await open({ schema: older });
      await before.write(() => change("INSERT INTO spending VALUES ('a', '5', '0')"));
      await server.cut(url);
      const after = await open();
      await expect(before.write(() => change("INSERT INTO spending VALUES ('b', '5', '0')"))).rejects.toThrow(
        'was made by another version',
      );
      await expect(before.read(() => change('SELECT 1'))).rejects.toThrow('was made by another version');
      await after.write(() => change("INSERT INTO spending VALUES ('b', '7', '0')"));
      // At once, so that the second one needs a new connection.
      const read = await Promise.all(['a', 'b'].map((account) => readSpending(after, account)));
      expect(read.map(({ spent }) => spent)).toEqual([5n, 7n]);
      await before.close();
      await after.close();
    });

    it('are not touched while a gateway of before has them, nor where something would be lost', async () => {
      const before = await open({ schema: older });
      await before.write(() => change("INSERT INTO spending VALUES ('a', '5', '0')"));
      await expect(open()).rejects.toThrow('stop all programs');
      await before.close();
      const poorer = SHARED_SCHEMA.replace(/CREATE TABLE alerts[\s\S]*?WITHOUT ROWID;/, '');
      await expect(open({ schema: poorer })).rejects.toThrow('the table alerts would be lost. It stays as it was');
      const fewer = SHARED_SCHEMA.replace('shown_bytes INTEGER NOT NULL DEFAULT 0', 'other INTEGER NOT NULL DEFAULT 0');
      await expect(open({ schema: fewer })).rejects.toThrow('the column orders.shown_bytes would be lost');
      await expect(open({ upgrades: [] })).rejects.toThrow('another version');
      const dropping = await open({ schema: poorer, upgrades: [{ from: version, drops: ['alerts'] }] });
      expect((await readSpending(dropping, 'a')).spent).toBe(5n);
      await dropping.close();
    });
  });

  describe('from the files of one gateway', () => {
    let directory: TestDirectory;
    beforeEach(() => {
      directory = createTestDirectory('import');
      return () => directory.remove();
    });
    const file = (name: string): string => join(directory.path, name);
    async function makeFiles(): Promise<void> {
      const store = openStore(file('gateway.db'), { schema: GATEWAY_SCHEMA });
      store.prepare("INSERT INTO ledger VALUES (0, '31337', ?)").run(new Uint8Array(20).fill(7));
      const accounts = openAccounts(file('accounts.db'), () => 5);
      await accounts.close();
      const accountStore = openStore(file('accounts.db'), { schema: ACCOUNTS_SCHEMA });
      await fill(createWorkStore(store), createWorkStore(accountStore));
      store.close();
      accountStore.close();
    }
    const bring = (books: WorkStore): Promise<ImportedBooks> => importBooks(books, { dataDir: directory.path });

    it('are the same in the database, which says so with counts and sums, and are brought over once', async () => {
      await makeFiles();
      const books = await open();
      const { outcome, tables } = await bring(books);
      expect(outcome).toBe('added');
      const shown = new Map(tables.map((one) => [one.table, one]));
      expect(shown.get('orders')).toMatchObject({ rows: 3, sums: { max_fee: `${3n * 10n ** 20n}`, fee: '7' } });
      expect(shown.get('granted')).toMatchObject({ rows: 1, sums: { amount: `${10n ** 25n}` } });
      expect(shown.get('keys')).toMatchObject({ rows: 1 });
      expect([existsSync(file('gateway.db')), existsSync(file('gateway.db.moved'))]).toEqual([false, true]);
      expect((await bring(books)).outcome).toBe('unchanged');
      await assertWhole(books);
      await books.close();
      // Two ledgers of one payer would contradict each other.
      const place = { dataDir: directory.path, accounts: undefined, database: undefined, databasePassword: undefined };
      await expect(openBooks(place)).rejects.toThrow('moved into a database');
      const other = { ...place, database: url, databasePassword: server.password };
      const ledger = { chainId: 1n, verifyingContract: new Uint8Array(20) };
      await expect(openBooks(other, { payer: '0x01', ledger })).rejects.toThrow('belongs to the network');
    });

    it('are compared some rows after the other, and stay where the payer of the database is another', async () => {
      await makeFiles();
      const signer = createTestLedgerSigner(seedOf('payer'));
      const { fields } = createTestOrder({
        ...{ payer: signer, ledger, validator: new Uint8Array(20), provider: createTestHybrid('provider') },
        ...{ index: 0, epoch: 1n, expiresAtMs: 1 },
      });
      const store = openStore(file('gateway.db'), { schema: GATEWAY_SCHEMA });
      const put = store.prepare("INSERT INTO spending VALUES (?, '1', '0')");
      for (let i = 0; i < 2_500; i++) put.run(`many ${i}`);
      const order = encodeOrder(fields);
      store.prepare("UPDATE orders SET order_bytes = ? WHERE reply_id = 'r3'").run(order);
      store.close();
      const payer = `0x${toHex(fields.payer)}`;
      const other = await open({ facts: { payer: '0x01' } });
      await expect(bring(other)).rejects.toThrow(`belongs to the payer 0x01, and the data directory to ${payer}`);
      await other.close();
      expect(existsSync(file('gateway.db'))).toBe(true);
      url = await server.createDatabase();
      const books = await open();
      const { tables } = await bring(books);
      expect(tables.find(({ table }) => table === 'spending')).toMatchObject({ rows: 2_502, sums: { spent: '2514' } });
      await books.close();
      await expect(open({ facts: { payer: '0x01' } })).rejects.toThrow('belongs to the payer');
      await (await open({ facts: { payer } })).close();
    });

    it('are moved by the next start after a crash between commit and renaming', async () => {
      await makeFiles();
      const books = await open();
      const copies = ['gateway.db', 'accounts.db'].map((name) => [file(name), readFileSync(file(name))] as const);
      await bring(books);
      for (const [path, content] of copies) writeFileSync(path, content);
      expect((await bring(books)).outcome).toBe('unchanged');
      expect(existsSync(file('accounts.db'))).toBe(false);
      // Books that went on elsewhere meanwhile are not the same ones.
      for (const [path, content] of copies) writeFileSync(path, content);
      const changed = openStore(file('gateway.db'), { schema: GATEWAY_SCHEMA });
      changed.database.exec("UPDATE spending SET spent = '8'");
      changed.close();
      await expect(bring(books)).rejects.toThrow('other books were brought');
      await books.close();
    });

    it('stay where they are while a gateway has them open, and where the database has books of its own', async () => {
      await makeFiles();
      const books = await open();
      const running = openStore(file('gateway.db'), { schema: GATEWAY_SCHEMA });
      await expect(bring(books)).rejects.toMatchObject({
        code: 'busy',
        message: expect.stringContaining('stop its gateway'),
      });
      running.close();
      await books.write(() => change("INSERT INTO spending VALUES ('x', '1', '0')"));
      await expect(bring(books)).rejects.toThrow('books of its own (spending)');
      expect(existsSync(file('gateway.db'))).toBe(true);
      expect(await outboxIds(books)).toEqual([]);
      await books.write(() => change('DELETE FROM spending'));
      expect((await bring(books)).outcome).toBe('added');
      await books.close();
    });
  });
});
