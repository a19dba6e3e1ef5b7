import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '@ogong/host/crypto/secret';
import { readWebhookSecret } from '@ogong/host/http/webhook';
import { openStore, type Store } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Accounts, openAccounts } from './accounts.ts';
import { type BudgetAlert, createBudgetAlerts } from './budget-alerts.ts';
import { GATEWAY_SCHEMA } from './schema.ts';

const KEY = Buffer.alloc(32, 7);
const secret = new Secret(`whsec_${KEY.toString('base64')}`);

let directory: TestDirectory;
let store: Store;
let accounts: Accounts;
let server: Server;
let nowMs: number;
/** Status codes of the receiver's next answers; 200 once the list is empty. */
let answers: number[];
let heard: { readonly headers: IncomingHttpHeaders; readonly body: string }[];
let alerts: string[];
let errors: unknown[];

beforeEach(async () => {
  directory = createTestDirectory('alerts');
  store = openStore(`${directory.path}/gateway.db`, { schema: GATEWAY_SCHEMA });
  accounts = openAccounts(':memory:', () => nowMs);
  nowMs = 1_000_000;
  [answers, heard, alerts, errors] = [[], [], [], []];
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      heard.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      const status = answers.shift() ?? 200;
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await accounts.as('test').putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 1_000n });
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  store.close();
  await accounts.close();
  directory.remove();
});

const show = ({ account, percent, spentAtomic }: BudgetAlert): string => `${account} ${percent} ${spentAtomic}`;
/** As a gateway does that has just started. */
const create = (isHeard = true) =>
  createBudgetAlerts(
    {
      ...{ intervalMs: 1_000, thresholds: [50, 80, 100] },
      webhook: isHeard ? { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, secret } : undefined,
    },
    {
      ...{ books: createWorkStore(store), accounts, clock: { nowMs: () => nowMs } },
      onAlert: (alert) => alerts.push(show(alert)),
      onError: (error) => errors.push(error),
    },
  );
const spend = (account: string, spent: bigint): void =>
  store.database.exec(`INSERT OR REPLACE INTO spending VALUES ('${account}', '${spent}', '0')`);

it('tells each threshold once, whatever happens to the gateway, and again for another budget', async () => {
  const loop = create();
  spend('org:acme', 499n);
  await loop.trigger();
  expect(alerts).toEqual([]);
  spend('org:acme', 500n);
  await loop.trigger();
  await loop.trigger();
  await create().trigger();
  expect(alerts).toEqual(['org:acme 50 500']);
  // Two at once.
  spend('org:acme', 1_000n);
  await create().trigger();
  expect(alerts.slice(1)).toEqual(['org:acme 80 1000', 'org:acme 100 1000']);
  expect(heard).toHaveLength(3);
  await accounts.as('test').putOrganisation({ id: 'acme', name: 'Acme', budgetAtomic: 2_000n });
  await loop.trigger();
  expect(alerts.slice(3)).toEqual(['org:acme 50 1000']);
});

it('looks at budgets of keys, unless they are revoked, and at no key without one', async () => {
  const changes = accounts.as('test');
  const { id } = (await changes.addKey({ organisation: '', name: 'a', budgetAtomic: 10n })).key;
  const gone = (await changes.addKey({ organisation: '', name: 'b', budgetAtomic: 10n })).key.id;
  const free = (await changes.addKey({ organisation: '', name: 'c' })).key.id;
  await changes.addKey({ organisation: '', name: 'd', budgetAtomic: 0n });
  await changes.revokeKey(gone);
  for (const account of [id, gone, free]) spend(account, 8n);
  await create(false).trigger();
  expect(alerts).toEqual([`${id} 50 8`, `${id} 80 8`]);
  expect(heard).toEqual([]);
});

it('signs what it sends as Standard Webhooks do, and says no secret', async () => {
  spend('org:acme', 600n);
  await create().trigger();
  const [{ headers, body }] = heard as [(typeof heard)[0]];
  expect(JSON.parse(body)).toEqual({
    type: 'budget.threshold',
    timestamp: '1970-01-01T00:16:40.000Z',
    data: { organisation: 'acme', percent: 50, budget_atomic: '1000', spent_atomic: '600' },
  });
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  expect(headers['webhook-timestamp']).toBe('1000');
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`);
  expect(JSON.stringify([headers, body])).not.toContain(KEY.toString('base64'));
});

it.each([500, 302])('tries again later where the receiver answers %i, under the same id', async (status) => {
  answers = [status, status];
  spend('org:acme', 500n);
  await create().trigger();
  await create().trigger();
  expect([heard.length, errors.length]).toEqual([1, 1]);
  nowMs += 1_000;
  await create().trigger();
  expect([heard.length, errors.length]).toEqual([2, 2]);
  nowMs += 1_999;
  await create().trigger();
  expect(heard).toHaveLength(2);
  nowMs += 1;
  await create().trigger();
  nowMs += 86_400_000;
  await create().trigger();
  expect([heard.length, errors.length]).toEqual([3, 2]);
  expect(new Set(heard.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(alerts).toHaveLength(1);
});

it('gives up after three days', async () => {
  answers = [500];
  spend('org:acme', 500n);
  await create().trigger();
  nowMs += 3 * 86_400_000;
  await create().trigger();
  expect(heard).toHaveLength(1);
});

it.each([
  '',
  'whsec_',
  `whsec_${'A'.repeat(28)}`,
  `whsec_${'A'.repeat(92)}`,
  KEY.toString('base64'),
  'whsec_not base64',
])('takes no secret that is short, long or something else: %j', async (text) => {
  expect(readWebhookSecret(text)).toBeUndefined();
  expect(readWebhookSecret(secret.reveal())).toEqual(KEY);
});
