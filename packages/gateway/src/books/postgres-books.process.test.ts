import { spawnSync } from 'node:child_process';
import type { WorkStore } from '@ogong/host/store/work-store';
import { openPostgresStore } from '@ogong/postgres/postgres-store';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describeAccounts } from '@ogong/testing/gateway/accounts-compliance';
import { createPostgresPlace } from '@ogong/testing/gateway/books-place';
import { describeLedger } from '@ogong/testing/gateway/ledger-compliance';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { describeReceipts } from '@ogong/testing/gateway/receipts-compliance';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayConfig } from '../gateway-config.ts';
import { createAccounts } from './accounts.ts';
import { createChannelLedger } from './channel-ledger.ts';
import { SHARED_SCHEMA } from './open-books.ts';
import { reconcile } from './reconcile.ts';
import { readSpending } from './spending-store.ts';

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
    const open = (url: string) => openPostgresStore({ url, password: server.password, schema: SHARED_SCHEMA });

    it('loses no unit of money where gateways book orders of the same keys and channels at once', async () => {
      const seed = Number(process.env.OGONG_SEED ?? 1);
      const random = createSeededRandom(seed);
      const own = await server.createDatabase();
      const stores = await Promise.all([0, 1, 2].map(() => open(own)));
      const ledgers = stores.map((books) => createChannelLedger(books));
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

    it('is where the admin command works, with the password from the environment', async () => {
      const own = await server.createDatabase();
      const program = findProgram(new URL('../bin/ogong-gatewayd.ts', import.meta.url));
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
      const books = await open(own);
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
