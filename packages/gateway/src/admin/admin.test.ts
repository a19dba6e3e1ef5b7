import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Role } from '../books/account-rows.ts';
import { type Accounts, openAccounts } from '../books/accounts.ts';

let directory: TestDirectory;
let fixture: GatewayFixture;
let accounts: Accounts;
/** Admin secrets of acme, and of the operator. */
const secrets = {} as Record<Role, string>;
let foreign: string;
beforeAll(async () => {
  directory = createTestDirectory('admin');
  const keysPath = `${directory.path}/accounts.db`;
  accounts = openAccounts(keysPath, Date.now);
  const changes = accounts.as('test');
  secrets.operator = await changes.makeOperatorSecret();
  for (const id of ['acme', 'other', 'roles']) await changes.putOrganisation({ id, name: id, budgetAtomic: undefined });
  for (const role of ['owner', 'admin', 'member'] as const) {
    secrets[role] = (await changes.putMember({ organisation: 'acme', id: role, role })).secret as string;
  }
  foreign = (await changes.putMember({ organisation: 'other', id: 'eve', role: 'owner' })).secret as string;
  await changes.addKey({ organisation: 'other', name: 'first' });
  fixture = await createGatewayFixture({ keysPath });
});
afterAll(async () => {
  await fixture.close();
  await accounts.close();
  directory.remove();
});

async function call(secret: string | undefined, line: string, body?: object): Promise<[number, Answer]> {
  const [method = '', path = ''] = line.split(' ');
  const response = await fetch(`${fixture.url}/admin/v1/${path}`, {
    method,
    headers: {
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return [response.status, (await response.json()) as Answer];
}
/** Any JSON: the tests state the expected value. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
type Answer = any;

const ask = (secret: string): Promise<Response> =>
  fetch(`${fixture.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 20 }),
  });

it('lets each role do what it may, in its own organisation alone', async () => {
  const key = { organisation: 'acme', name: 'k' };
  const member = { organisation: 'acme', id: 'new', role: 'member' };
  const organisation = { id: 'third', name: 'Third' };
  const rows: [line: string, body: object | undefined, may: Role[]][] = [
    ['GET organisations', undefined, ['operator', 'owner', 'admin', 'member']],
    ['GET members?organisation=acme', undefined, ['operator', 'owner', 'admin', 'member']],
    ['GET keys?organisation=acme', undefined, ['operator', 'owner', 'admin', 'member']],
    ['GET usage?organisation=acme', undefined, ['operator', 'owner', 'admin', 'member']],
    ['GET audit?organisation=acme', undefined, ['operator', 'owner', 'admin']],
    ['GET credits?organisation=acme', undefined, ['operator', 'owner', 'admin', 'member']],
    ['POST credits', { organisation: 'roles', reference: 'roles', amount_atomic: '0' }, ['operator']],
    ['POST keys', key, ['operator', 'owner', 'admin']],
    ['POST members', member, ['operator', 'owner']],
    ['POST members/acme/new/rotate', undefined, ['operator', 'owner']],
    ['POST organisations', organisation, ['operator']],
  ];
  for (const [line, body, may] of rows) {
    for (const role of ['operator', 'owner', 'admin', 'member'] as const) {
      const [status] = await call(secrets[role], line, body);
      expect([line, role, status]).toEqual([line, role, may.includes(role) ? 200 : 403]);
    }
    expect([line, (await call(undefined, line, body))[0]]).toEqual([line, 401]);
    expect([line, (await call('ogong-admin-unknown', line, body))[0]]).toEqual([line, 401]);
    if (line !== 'GET organisations') expect([line, (await call(foreign, line, body))[0]]).toEqual([line, 403]);
  }
  expect((await call(foreign, 'GET organisations'))[1].data.map(({ id }: Answer) => id)).toEqual(['other']);
  const [own] = await accounts.listKeys('acme');
  for (const line of [`DELETE keys/${own?.id}`, `POST keys/${own?.id}/rotate`]) {
    expect([line, (await call(foreign, line))[0]]).toEqual([line, 404]);
  }
  expect((await call(foreign, 'DELETE members/acme/new'))[0]).toBe(403);
  expect((await call(secrets.owner, 'DELETE members/acme/new'))[0]).toBe(200);
  expect((await call(secrets.owner, 'DELETE members/acme/owner'))[1].error.code).toBe('last-owner');
});

it('takes no change whose caller lost the right while its body came, and slows down who changes without end', async () => {
  const changes = accounts.as('test');
  // Of its own, since the other tests change things, too.
  await changes.putOrganisation({ id: 'busy', name: 'busy', budgetAtomic: undefined });
  const owner = (await changes.putMember({ organisation: 'busy', id: 'owner', role: 'owner' })).secret as string;
  const thief = (await changes.putMember({ organisation: 'busy', id: 'thief', role: 'owner' })).secret as string;
  const body = JSON.stringify({ organisation: 'busy', id: 'friend', role: 'owner' });
  let send: (() => void) | undefined;
  const slow = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(body.slice(0, 5)));
      send = () => {
        controller.enqueue(new TextEncoder().encode(body.slice(5)));
        controller.close();
      };
    },
  });
  const headers = { authorization: `Bearer ${thief}`, 'content-type': 'application/json' };
  const url = `${fixture.url}/admin/v1/members`;
  const late = fetch(url, { method: 'POST', headers, body: slow, duplex: 'half' } as RequestInit);
  // By then the gateway has read the headers, and waits for the body.
  await expect.poll(async () => (await call(thief, 'GET members'))[0]).toBe(200);
  await changes.removeMember('busy', 'thief');
  send?.();
  expect((await late).status).toBe(401);
  expect((await accounts.listMembers('busy')).map(({ id }) => id)).not.toContain('friend');
  let status = 0;
  for (let i = 0; i < 500 && status !== 429; i++)
    [status] = await call(owner, 'POST members', { organisation: 'busy', id: 'x', role: 'none' });
  expect(status).toBe(429);
});

it('has no way from an API key to the admin API, nor back', async () => {
  const { secret } = await accounts.as('test').addKey({ organisation: 'acme', name: 'plain' });
  expect((await call(secret, 'GET organisations'))[0]).toBe(401);
  expect((await ask(secrets.operator)).status).toBe(401);
});

it('counts what all keys of an organisation spend against its budget, and shows it to its members', async () => {
  const [, { id, secret }] = await call(secrets.owner, 'POST keys', {
    ...{ organisation: 'acme', name: 'laptop', requests_per_minute: 100 },
  });
  const second = (await call(secrets.admin, 'POST keys', { organisation: 'acme', name: 'phone' }))[1].secret;
  expect((await ask(secret)).status).toBe(200);
  const [, usage] = await call(secrets.member, 'GET usage');
  expect(usage.data).toMatchObject([{ key: id, organisation: 'acme', replies: 1 }]);
  const reserved = usage.total.reserved_atomic;
  const [, shown] = await call(secrets.member, 'GET organisations');
  expect(shown.data).toMatchObject([{ id: 'acme', spent_atomic: '0', reserved_atomic: reserved, left_atomic: null }]);

  const budget = { id: 'acme', name: 'acme', budget_atomic: `${BigInt(reserved) + 1n}` };
  expect((await call(secrets.operator, 'POST organisations', budget))[1].outcome).toBe('changed');
  expect((await call(secrets.operator, 'POST organisations', budget))[1].outcome).toBe('unchanged');
  for (const one of [secret, second]) {
    const refused = await ask(one);
    expect(refused.status).toBe(429);
    expect(((await refused.json()) as Answer).error).toMatchObject({ code: 'insufficient_quota' });
  }
  expect((await call(secrets.member, 'GET organisations'))[1].data).toMatchObject([{ left_atomic: '1' }]);
  // A member of another organisation is not affected.
  const [, other] = await call(foreign, 'POST keys', { organisation: 'other', name: 'mine' });
  expect((await ask(other.secret)).status).toBe(200);
  expect((await call(foreign, 'GET usage'))[1].data).toHaveLength(1);
  expect((await call(secrets.operator, 'GET usage'))[1].data).toHaveLength(2);

  const [, audit] = await call(secrets.owner, 'GET audit');
  const line = audit.data.find(({ action, target }: Answer) => action === 'key added' && target === id);
  expect(line).toMatchObject({ actor: 'acme/owner', organisation: 'acme' });
  expect(JSON.stringify(audit)).not.toContain(secret);
  expect(fixture.log.join()).not.toContain(secret);
  expect((await call(secrets.owner, `DELETE keys/${id}`))[1]).toEqual({ id, outcome: 'changed' });
  expect((await ask(secret)).status).toBe(401);
});

it('books credit for the operator alone, each reference once, and each booking is a line of the log', async () => {
  await accounts.as('test').putOrganisation({ id: 'paying', name: 'paying', budgetAtomic: undefined });
  const book = (reference: string, amount: string) =>
    call(secrets.operator, 'POST credits', { organisation: 'paying', reference, amount_atomic: amount });
  const opened = () => call(secrets.operator, 'POST credits', { organisation: 'paying' });
  expect([(await opened())[1].outcome, (await opened())[1].outcome]).toEqual(['added', 'unchanged']);
  expect((await book('invoice-7', '500'))[1].outcome).toBe('added');
  expect((await book('invoice-7', '500'))[1].outcome).toBe('unchanged');
  expect((await book('refund-7', '-200'))[1].outcome).toBe('added');
  expect((await book('', '1'))[0]).toBe(400);
  expect((await call(secrets.operator, 'POST credits', { organisation: 'nobody' }))[0]).toBe(404);
  const [, { data, sign }] = await call(secrets.operator, 'GET credits?organisation=paying');
  expect(data.map(({ id, amount_atomic: amount }: Answer) => [id, amount]).sort()).toEqual([
    ['operator:invoice-7', '500'],
    ['operator:refund-7', '-200'],
  ]);
  expect(sign).toBeNull();
  const [, audit] = await call(secrets.operator, 'GET audit?organisation=paying');
  const lines = audit.data.map(({ actor, action, target }: Answer) => `${actor}: ${action} ${target}`).sort();
  expect(lines).toEqual([
    'operator by API: credit added operator:invoice-7',
    'operator by API: credit opened paying',
    'operator by API: credit taken back operator:refund-7',
    'test: organisation added paying',
  ]);
  // A gateway without --deposits sends nothing.
  const transfer = { organisation: 'paying', authorization: {}, signature: '0x' };
  expect((await call(secrets.operator, 'POST credits/transfers', transfer))[1].error.message).toContain('--deposits');
  expect((await call(secrets.member, 'POST credits/transfers', transfer))[0]).toBe(403);
  expect((await call(foreign, 'POST credits/transfers', transfer))[0]).toBe(403);
});

it.each([
  ['POST credits', { organisation: 'acme', reference: 'x', amount_atomic: '1.5' }, 'amount_atomic'],
  ['POST keys', { organisation: 'acme' }, 'name'],
  ['POST keys', { organisation: 'acme', name: 'k', budget_atomic: 5 }, 'budget_atomic'],
  ['POST keys', { organisation: 'acme', name: 'k', budget_atomic: '-5' }, 'budget_atomic'],
  ['POST keys', { organisation: 'acme', name: 'k', expires_at: 'soon' }, 'expires_at'],
  ['POST keys', { organisation: 'acme', name: 'k', models: [] }, null],
  ['POST members', { organisation: 'acme', id: 'A B', role: 'member' }, null],
  ['POST members', { organisation: 'acme', id: 'eve', role: 'operator' }, 'role'],
  ['POST organisations', { id: '../x', name: 'x' }, null],
] as const)('refuses %s %o in its own terms', async (line, body, param) => {
  const [status, { error }] = await call(secrets.operator, line, body);
  expect([status, error.param]).toEqual([400, param]);
});
