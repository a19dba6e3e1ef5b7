import { openPostgresStore } from '@ogong/postgres/postgres-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createFakeNetwork, FAKE_MODEL, type FakeNetwork } from '@ogong/testing/gateway/fake-network';
import { type GatewayProcess, startGatewayProcess } from '@ogong/testing/gateway/gateway-process';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeyTerms } from './books/account-rows.ts';
import { createAccounts } from './books/accounts.ts';
import { createChannelLedger } from './books/channel-ledger.ts';
import { SHARED_SCHEMA } from './books/open-books.ts';
import { reconcile } from './books/reconcile.ts';
import { readSpending } from './books/spending-store.ts';

const schema = SHARED_SCHEMA;
const FEE = 1_000n;
/** Orders of requests whose gateway died are given up then: their validators never saw them. */
const LATER_MS = 86_400_000;

const seed = Number(process.env.OGONG_SEED ?? 1);

describe.skipIf(noPostgres !== undefined)(`gateways with one database${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  let server: TestPostgres;
  let network: FakeNetwork;
  let url: string;
  let gateways: GatewayProcess[];
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    network = await createFakeNetwork([{}, {}]);
    url = await server.createDatabase();
    gateways = [];
  });
  afterEach(async () => {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await network.close();
  });

  async function start(aheadMs = 0): Promise<GatewayProcess> {
    const database = { url, password: server.password.reveal() };
    const gateway = await startGatewayProcess(network, { database, aheadMs });
    gateways.push(gateway);
    return gateway;
  }
  const openBooks = () => openPostgresStore({ url, password: server.password, schema, maxConnections: 2 });
  async function addKey(terms: Partial<KeyTerms> = {}): Promise<{ readonly id: string; readonly secret: string }> {
    const books = await openBooks();
    const made = await createAccounts(books, Date.now)
      .as('test')
      .addKey({ organisation: '', name: 'a', ...terms });
    await books.close();
    return { id: made.key.id, secret: made.secret };
  }
  const ask = (gateway: GatewayProcess, secret: string): Promise<Response> =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      body: JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 }),
    });
  const readReceipt = async (gateway: GatewayProcess, secret: string, id: string): Promise<number> => {
    const response = await fetch(`${gateway.url}/v1/receipts/${id}?compact=1`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    await response.arrayBuffer();
    return response.status;
  };

  it('share keys, budgets and receipts: an answer of one is shown by the other', async () => {
    const { id, secret } = await addKey();
    const [first, second] = await Promise.all([start(), start()]);
    const answer = (await (await ask(first, secret)).json()) as { readonly id: string };
    expect(await readReceipt(second, secret, answer.id)).toBe(200);
    const books = await openBooks();
    const { reserved } = await readSpending(books, id);
    // As much as one more request may cost is left.
    await createAccounts(books, Date.now).as('test').revokeKey(id);
    expect((await ask(second, secret)).status).toBe(401);
    const limited = await addKey({ budgetAtomic: reserved * 3n });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => ask(i % 2 === 0 ? first : second, limited.secret)),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, ...Array.from({ length: 9 }, () => 429)]);
    await books.close();
    // A minute's worth is one minute's worth at all gateways together.
    const slow = await addKey({ requestsPerMinute: 4 });
    const some = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(i % 2 === 0 ? first : second, slow.secret)));
    expect(some.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(4);
    expect(some.find(({ status }) => status === 429)?.headers.get('x-ratelimit-limit-requests')).toBe('4');
  });

  it('ask about each order once among them, tell of each reply once, and do the work of one that is gone', async () => {
    const { secret } = await addKey();
    const all = await Promise.all([start(), start(), start()]);
    const books = await openBooks();
    const ledger = createChannelLedger(books);
    const waiting = (): Promise<number> =>
      books.read(function* () {
        const { rows } = yield { sql: 'SELECT count(*) AS n FROM outbox', parameters: [] };
        return Number(rows[0]?.n);
      });
    for (const gateway of all) await expect.poll(async () => (await gateway.countDatabase()).peers).toBe(3);
    const settled = { state: 'settled', verdict: 'accept', feeAtomic: FEE, transaction: '0x1' };
    const asked = vi.spyOn(network.statuses, 'get').mockReturnValue(settled);
    const askAll = async (gateways: readonly GatewayProcess[], count: number): Promise<void> => {
      const answers = Array.from({ length: count }, (_, i) =>
        ask(gateways[i % gateways.length] as GatewayProcess, secret),
      );
      for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
      await expect.poll(() => ledger.listUnsettled(100, 0)).toEqual([]);
      await expect.poll(waiting).toBe(0);
    };
    await askAll(all, 18);
    expect(asked.mock.calls.map(([id]) => id).sort()).toEqual(
      network.orders.map(({ replyId }) => toHex(replyId)).sort(),
    );
    expect(network.deliveries).toHaveLength(18);
    expect(network.heard).toHaveLength(18);
    // Its share of what the others order from now on is theirs.
    await all[0]?.kill();
    await askAll(all.slice(1), 18);
    expect(network.deliveries).toHaveLength(36);
    await books.close();
  });

  it.each([1, 5, 14])('lose nothing when one of them is killed after %i answers', async (killedAfter) => {
    const random = createSeededRandom(seed + killedAfter);
    const { id, secret } = await addKey();
    const [doomed, survivor] = await Promise.all([start(), start()]);
    const answered: string[] = [];
    const failed: unknown[] = [];
    let asked = 0;
    const callers = Array.from({ length: 6 }, async (_, caller) => {
      while (asked < 30) {
        asked++;
        const gateway = caller % 2 === 0 && answered.length < killedAfter ? doomed : survivor;
        try {
          const response = await ask(gateway, secret);
          const { id } = (await response.json()) as { readonly id: string };
          if (response.status === 200) answered.push(id);
        } catch (error) {
          failed.push(error);
        }
        if (answered.length >= killedAfter) {
          // At any instant of what the others have running there.
          await new Promise((resolve) => setTimeout(resolve, random() * 30));
          await doomed.kill();
        }
      }
    });
    await Promise.all(callers);
    expect(answered.length, `seed ${seed}`).toBeGreaterThan(killedAfter);
    for (const each of answered) expect(await readReceipt(survivor, secret, each), `seed ${seed}`).toBe(200);

    const books = await openBooks();
    const ledger = createChannelLedger(books);
    // Each order that reached a provider is in the store, and no two orders of a channel share a voucher.
    const vouchers = new Set<string>();
    for (const { replyId, validator, cumulativeAtomic } of network.orders) {
      expect(await ledger.find(toHex(replyId)), `seed ${seed}`).toBeDefined();
      vouchers.add(`${toHex(validator)} ${cumulativeAtomic}`);
      network.statuses.set(toHex(replyId), { state: 'settled', verdict: 'accept', feeAtomic: FEE, transaction: '0x1' });
    }
    expect(vouchers.size).toBe(network.orders.length);
    expect(await reconcile(books)).toEqual([]);
    // Nobody started the dead one again: another gateway closes what it left open.
    await survivor.stop();
    await start(LATER_MS);
    await expect.poll(() => ledger.listUnsettled(100, 0)).toEqual([]);
    expect(await readSpending(books, id)).toEqual({ spent: FEE * BigInt(network.orders.length), reserved: 0n });
    expect(await reconcile(books)).toEqual([]);
    await books.close();
  });
});
