import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { addTestKey } from '@ogong/testing/gateway/test-keys';
import { createPlainMemoryStore } from '@ogong/testing/memory/plain-memory-store';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyTerms } from './books/account-rows.ts';
import { openBooks } from './books/open-books.ts';
import { openGatewayMemories } from './open-gateway-memories.ts';

const ANSWER = {
  ...{ first: 1, last: 1, subject: 'user', text: 'The user lives in Porto' },
  ...{ type: 'semantic', categories: ['identity'] },
};
const WORDS = JSON.stringify({ memories: [ANSWER] }).match(/.{1,16}/g) ?? [];
let directory: TestDirectory;
let fixture: GatewayFixture;
let keysPath: string;
beforeAll(async () => {
  directory = createTestDirectory('gateway-memory');
  keysPath = `${directory.path}/accounts.db`;
  await addKey('first');
  const store = createPlainMemoryStore({ nowMs: () => Date.now() });
  const names = { chat: FAKE_MODEL, embedding: FAKE_MODEL, rerank: undefined };
  fixture = await createGatewayFixture({
    keysPath,
    providers: [{ words: WORDS }],
    memories: { store, names },
  });
});
afterAll(async () => {
  await fixture.close();
  directory.remove();
});

async function addKey(name: string, terms: Partial<KeyTerms> = {}): Promise<string> {
  return (await addTestKey({ path: keysPath, name, ...terms })).secret;
}

async function call(secret: string, method: string, path: string, body?: object, { url } = fixture) {
  const response = await fetch(`${url}${path}`, {
    ...{ method, headers: { 'content-type': 'application/json', 'x-api-key': secret } },
    ...(body && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
  return { status: response.status, body: (await response.json()) as any };
}

const said = { messages: [{ role: 'user', content: 'I live in Porto.' }] };

it('keeps the memories of each key apart, and the key pays for the models', async () => {
  const [ana, bo] = [await addKey('ana'), await addKey('bo')];
  const added = await call(ana, 'POST', '/v1/memories', said);
  expect(added).toMatchObject({ status: 200, body: { memories_created: 1 } });
  const search = { query: 'Porto' };
  const found = await call(ana, 'POST', '/v1/memories/search', search);
  expect(found.body.memories).toMatchObject([{ memory: ANSWER.text, quote: { words: 'I live in Porto.' } }]);
  expect((await call(bo, 'POST', '/v1/memories/search', search)).body.memories).toEqual([]);
  // The conversation, the vector of its memory, and that of the search.
  expect((await call(ana, 'GET', '/v1/usage')).body.total.replies).toBe(3);
  expect((await call(bo, 'GET', '/v1/usage')).body.total.replies).toBe(1);
  const proof = await call(ana, 'GET', `/v1/memories/${added.body.memories[0].id}/proof`);
  expect(proof.body.calls).toMatchObject({ extraction: { endpoint: 'chat' }, embedding: { endpoint: 'embedding' } });
  const key = await call(ana, 'POST', '/v1/api-keys', { scopes: ['read'] });
  expect(key, 'keys are those of the gateway').toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
});

it.each<[what: string, makeKey: () => Promise<string>, status: number, code: string]>([
  ['whose budget is too small', () => addKey('poor', { budgetAtomic: 1n }), 429, 'insufficient_quota'],
  ['that may not use the model', () => addKey('bound', { models: ['other/*'] }), 403, 'model_not_allowed'],
  ['that is unknown', async () => 'ogong-unknown', 401, 'invalid_api_key'],
])('refuses a key %s', async (_, makeKey, status, code) => {
  const refused = await call(await makeKey(), 'POST', '/v1/memories', said);
  expect(refused).toMatchObject({ status, body: { error: { code } } });
});

describe.skipIf(noPostgres !== undefined)(`with a database${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());

  it('keeps memories beside the tables of the gateway, for the next gateway too', async () => {
    const place = { database: await server.createDatabase(), databasePassword: server.password };
    const open = async (name: string) => {
      const dataDir = `${directory.path}/${name}`;
      const memories = await openGatewayMemories(
        { ...place, dataDir: `${dataDir}/memory`, masterKey: `${directory.path}/master.key` },
        { model: FAKE_MODEL, embeddingModel: FAKE_MODEL, rerankModel: undefined },
      );
      const books = await openBooks({ ...place, dataDir, accounts: undefined });
      const gateway = await createGatewayFixture({ keysPath, providers: [{ words: WORDS }], ...memories });
      return { gateway, close: () => Promise.all([gateway, books, memories].map((one) => one.close())) };
    };
    const secret = await addKey('cy');
    const before = await open('one');
    expect(await call(secret, 'POST', '/v1/memories', said, before.gateway)).toMatchObject({
      body: { memories_created: 1 },
    });
    await before.close();
    const after = await open('other');
    expect((await call(secret, 'GET', '/v1/memories', undefined, after.gateway)).body.memories).toMatchObject([
      { content: ANSWER.text },
    ]);
    await after.close();
  });
});
