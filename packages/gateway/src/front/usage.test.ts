import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KeyTerms } from '../books/account-rows.ts';

let directory: TestDirectory;
let fixture: GatewayFixture;
let keysPath: string;
beforeAll(async () => {
  directory = createTestDirectory('usage');
  keysPath = `${directory.path}/accounts.db`;
  await addKey('first');
  fixture = await createGatewayFixture({ keysPath, random: createSeededRandom(3) });
});
afterAll(async () => {
  await fixture.close();
  directory.remove();
});

async function addKey(name: string, terms: Partial<KeyTerms> = {}): Promise<{ id: string; secret: string }> {
  const { key, secret } = await addTestKey({ path: keysPath, name, ...terms });
  return { id: key.id, secret };
}

const chat = { model: FAKE_MODEL, messages: [{ role: 'user', content: 'Tell me a story' }], max_tokens: 20 };
const get = (path: string, secret: string): Promise<Response> =>
  fetch(`${fixture.url}${path}`, { headers: { authorization: `Bearer ${secret}` } });
const ask = (secret: string, change: object = {}): Promise<Response> =>
  fetch(`${fixture.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ ...chat, ...change }),
  });
/** Any JSON: the tests state the expected value. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
const readJson = async (response: Promise<Response> | Response): Promise<any> => (await response).json();

it('shows a key what it used, by model and day, as JSON and as CSV, and nothing of others', async () => {
  const { id, secret } = await addKey('a');
  const other = await addKey('b');
  const first = await readJson(ask(secret, { n: 2 }));
  await (await ask(secret, { stream: true })).text();
  const usage = await readJson(get('/v1/usage', secret));
  expect(usage.data).toHaveLength(1);
  const [row] = usage.data;
  expect(row).toMatchObject({ object: 'usage', key: id, organisation: '', model: FAKE_MODEL, replies: 3 });
  expect(row.prompt_tokens).toBeGreaterThan(0);
  expect(row.output_tokens).toBeGreaterThan(first.usage.completion_tokens);
  expect(BigInt(row.reserved_atomic)).toBeGreaterThan(0n);
  const { day, key, organisation, model, object, ...counts } = row;
  expect(usage.total).toEqual(counts);

  const csv = await get(`/v1/usage?format=csv&from=${day}&to=${day}`, secret);
  expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  expect(await csv.text()).toBe(
    'day,key,organisation,model,replies,prompt_tokens,output_tokens,cost_atomic,reserved_atomic\r\n' +
      `${[day, id, '', FAKE_MODEL, ...Object.values(counts)].join(',')}\r\n`,
  );
  expect((await readJson(get('/v1/usage', other.secret))).data).toEqual([]);
  expect((await readJson(get('/v1/usage?from=2020-01-01&to=2020-01-31', secret))).data).toEqual([]);
  expect((await get('/v1/usage', 'ogong-unknown')).status).toBe(401);
});

it.each([
  'from=2026-02-30',
  'from=2026-1-1',
  'to=yesterday',
  'from=2026-02-02&to=2026-02-01',
  'format=xml',
  "from=2026-01-01'--",
])('refuses %s in its own terms', async (query) => {
  const { secret } = await addKey('c');
  const response = await get(`/v1/usage?${query}`, secret);
  expect(response.status).toBe(400);
  expect((await readJson(response)).error.param).toBe(query.split('=')[0]);
});

it('answers 429 past the limit of a key, with the usual headers, and other keys go on', async () => {
  const { secret } = await addKey('slow', { requestsPerMinute: 2, tokensPerMinute: 1_000_000 });
  const free = (await addKey('free')).secret;
  expect((await ask(secret)).headers.get('x-ratelimit-remaining-requests')).toBe('1');
  const second = await ask(secret);
  expect([second.status, second.headers.get('x-ratelimit-limit-tokens')]).toEqual([200, '1000000']);
  const third = await ask(secret);
  expect(third.status).toBe(429);
  expect((await readJson(third)).error).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' });
  expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(third.headers.get('x-ratelimit-remaining-requests')).toBe('0');
  const other = await ask(free);
  expect([other.status, other.headers.get('x-ratelimit-limit-requests')]).toEqual([200, null]);
  // Lists are asked for at a router, so they count. Reading the gateway's own store is not limited.
  for (const path of ['/v1/models', `/v1/models/${FAKE_MODEL}`, '/v1/endpoints']) {
    expect([path, (await get(path, secret)).status]).toEqual([path, 429]);
  }
  expect((await get('/v1/usage', secret)).status).toBe(200);

  const small = (await addKey('small', { tokensPerMinute: 30 })).secret;
  expect((await ask(small)).status).toBe(200);
  const embedded = await ask(small);
  expect([embedded.status, embedded.headers.get('x-ratelimit-limit-tokens')]).toEqual([429, '30']);
});

it('lists to a key the models that it may ask for', async () => {
  const some = (await addKey('some', { models: ['ogong/verified/*'] })).secret;
  const none = (await addKey('none', { models: ['ogong/tee/*'] })).secret;
  expect((await readJson(get('/v1/models', some))).data.map(({ id }: { id: string }) => id)).toContain(FAKE_MODEL);
  expect((await readJson(get('/v1/models', none))).data).toEqual([]);
  expect((await readJson(get('/v1/endpoints', none))).data).toEqual([]);
  expect((await get(`/v1/models/${FAKE_MODEL}`, some)).status).toBe(200);
  expect((await get(`/v1/models/${FAKE_MODEL}`, none)).status).toBe(404);
});
