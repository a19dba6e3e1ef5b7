import { createSqlitePlace } from '@ogong/testing/gateway/books-place';
import { openTestMemories, testMasterKey } from '@ogong/testing/memory/memory-place';
import { goodExtractor } from '@ogong/testing/memory/scripted-extractors';
import { createScriptedModels } from '@ogong/testing/memory/scripted-models';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMemoryHandlers } from '../api/memory-handlers.ts';
import { MEMORY_ROUTES, MEMORY_SCOPES, type MemoryScope } from '../api/memory-routes.ts';
import { createMemoryService } from '../memory-service.ts';
import { MEMORY_SCHEMA } from '../store/memory-schema.ts';
import { createKeySignIn } from './key-sign-in.ts';
import { createMemoryApp } from './memory-app.ts';
import { createMemoryKeys, MEMORY_KEYS_SCHEMA, type MemoryKeys } from './memory-keys.ts';

/** Friday, 8 May 2026. */
let nowMs = Date.UTC(2026, 4, 8, 12);
const clock = { nowMs: () => nowMs++ };
let place: Awaited<ReturnType<typeof createSqlitePlace>>;
let opened: Awaited<ReturnType<typeof openTestMemories>>;
let keys: MemoryKeys;
let app: ReturnType<typeof createMemoryApp>;
let ana: string;
const posted: { readonly type: string; readonly data: object }[] = [];

beforeAll(async () => {
  place = await createSqlitePlace(`${MEMORY_SCHEMA}${MEMORY_KEYS_SCHEMA}`);
  opened = await openTestMemories(place);
  keys = createMemoryKeys(opened.books, { masterKey: testMasterKey(), clock });
  const models = createScriptedModels(goodExtractor);
  let count = 0;
  const random = (length: number) => new Uint8Array(length).fill(++count);
  const signIn = createKeySignIn(keys, createMemoryService({ store: opened.store, models, clock, random }));
  await signIn.start();
  const handlers = createMemoryHandlers({
    ...{ require: signIn.require, clock },
    bodyLimits: { maxBytes: 100_000, timeoutMs: 1_000 },
    webhooks: {
      pausesMs: [],
      async post(_, { body = '' }) {
        posted.push(JSON.parse(body));
        return new Response(null, { status: 204 });
      },
    },
  });
  app = createMemoryApp({ origins: [], isLoopback: true }, handlers);
  ana = await addKey('ana');
});
afterAll(async () => {
  await opened.close();
  await place.remove();
});

const addKey = async (user: string, scopes: readonly MemoryScope[] = MEMORY_SCOPES, expiresMs?: number) =>
  (await keys.add({ user, scopes, expiresMs })).secret;

async function addExpiredKey(): Promise<string> {
  const secret = await addKey('ana', MEMORY_SCOPES, nowMs + 1_000);
  nowMs += 1_000;
  return secret;
}

type Headers = Readonly<Record<string, string>>;

async function call(method: string, path: string, body?: unknown, headers: Headers = {}) {
  const request = new Request(`http://127.0.0.1${path}`, {
    ...{ method, headers: { host: '127.0.0.1', 'x-api-key': ana, 'content-type': 'application/json', ...headers } },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const response = await app.fetch(request, {});
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
  return { status: response.status, body: (await response.json()) as any };
}

const say = (content: string, headers = {}) =>
  call('POST', '/v1/memories', { messages: [{ role: 'user', content }], agent_id: 'a', thread_id: 't' }, headers);

it('adds, finds, reads, changes and removes memories', async () => {
  const headers = { 'x-api-key': await addKey('cleo') };
  const added = await say('I live in Porto. I visited Rome two weeks ago. Is it warm?', headers);
  expect(added).toMatchObject({
    status: 200,
    body: {
      ...{ success: true, memories_created: 2, categories_detected: ['identity', 'travel'], repeated: false },
      processing_time: expect.any(Number),
    },
  });
  expect((await say('I live in Porto. I visited Rome two weeks ago. Is it warm?', headers)).body).toMatchObject({
    ...{ memories_created: 0, repeated: true },
  });
  const search = { query: 'Where does the user live?', limit: 1, thread_id: 't' };
  const { body: found } = await call('POST', '/memories/search', search, headers);
  expect(found).toEqual({ user_bio: null, recalled_bio: null, memories: [expect.any(Object)] });
  const [memory] = found.memories;
  expect(memory).toMatchObject({
    memory: 'The user lives in Porto',
    recalled: `<recalled-memory id="${memory.id}">The user lives in Porto</recalled-memory>`,
    ...{ categories: ['identity'], type: 'semantic', source: 'chat', agent_id: 'a', thread_id: 't' },
    ...{ vector_distance: expect.any(Number), rerank_score: null },
    quote: { words: 'I live in Porto.', role: 'user', message: 0, day: '2026-05-08' },
    receipts: { extraction: expect.stringMatching(/^[0-9a-f]{64}$/), update: null },
  });
  const path = `/v1/memories/${memory.id}`;
  const edit = { content: 'The user lives in Porto, Portugal', category: 'travel', metadata: { tags: ['home'] } };
  expect((await call('PATCH', path, edit, headers)).body).toMatchObject({ ...edit, receipts: null, quote: null });
  expect((await call('GET', path, undefined, headers)).body).toMatchObject({ ...edit, categories: ['travel'] });
  expect((await call('GET', `${path}/history`, undefined, headers)).body.memories).toHaveLength(1);
  expect((await call('GET', '/v1/memories?category=travel&limit=1', undefined, headers)).body).toMatchObject({
    has_more: true,
  });
  const listAsOf = async (time: string) => (await call('GET', `/v1/memories?as_of=${time}`, undefined, headers)).body;
  expect((await listAsOf('2000-01-01T00:00:00Z')).memories).toEqual([]);
  expect((await listAsOf('9000-01-01T00:00:00Z')).memories).toHaveLength(2);
  expect(await listAsOf('yesterday')).toMatchObject({ error: { param: 'as_of' } });
  expect(await call('DELETE', path, undefined, headers)).toEqual({ status: 200, body: { success: true } });
  expect((await call('GET', path, undefined, headers)).status).toBe(404);
});

it('shows the proof of a memory, and a profile that names its memories', async () => {
  const headers = { 'x-api-key': await addKey('bo') };
  const { body } = await say('I play chess.', headers);
  const [{ id }] = body.memories;
  const proof = await call('GET', `/v1/memories/${id}/proof`, undefined, headers);
  expect(proof.body).toMatchObject({
    ...{ vector: expect.any(String), embedding_model: 'words', memory: { id } },
    calls: { extraction: { endpoint: 'chat' }, embedding: { endpoint: 'embedding' }, update: null },
  });
  const { body: profile } = await call('GET', '/v1/profile?include=bio,categories,stats', undefined, headers);
  expect(profile).toMatchObject({
    bio: { summary: 'The user plays chess', word_count: 4, confidence: 1, sources: [{ memories: [id] }] },
    categories: { interests: { summary: 'The user plays chess' } },
    stats: { total_memories: 1 },
  });
  await call('PUT', '/v1/bio', { bio: 'Plays chess.' }, headers);
  expect((await call('GET', '/bio', undefined, headers)).body).toMatchObject({ bio: 'Plays chess.', is_written: true });
  expect((await call('POST', '/v1/memories/search', { query: 'chess' }, headers)).body).toMatchObject({
    ...{ user_bio: 'Plays chess.', recalled_bio: '<recalled-memory>Plays chess.</recalled-memory>' },
  });
  expect((await call('DELETE', '/v1/memories', undefined, headers)).body).toEqual({ success: true });
  expect((await call('GET', '/v1/memories', undefined, headers)).body).toEqual({ memories: [], has_more: false });
});

it('imports conversations, files and posts in the background, and tells the webhook', async () => {
  const headers = { 'x-api-key': await addKey('dan'), 'content-type': 'application/octet-stream' };
  const hook = await call(
    'PUT',
    '/v1/webhook',
    { url: 'https://example.com/hook' },
    { 'x-api-key': headers['x-api-key'] },
  );
  expect(hook.body).toEqual({ url: 'https://example.com/hook', secret: expect.stringMatching(/^whsec_/) });
  const chat = [
    { uuid: 'u', chat_messages: [{ sender: 'human', text: 'I live in Porto.', created_at: '2026-05-01T09:00:00Z' }] },
  ];
  const begun = await call('POST', '/v1/integrations/chat?source=claude', chat, headers);
  expect(begun).toMatchObject({ status: 202, body: { source: 'claude', calls: 1, error: null } });
  const path = `/v1/integrations/${begun.body.import_id}`;
  await vi.waitUntil(async () => (await call('GET', path, undefined, headers)).body.status === 'done');
  expect((await call('GET', path, undefined, headers)).body).toMatchObject({ calls_done: 1, memories_created: 1 });
  await vi.waitUntil(() => posted.some(({ type }) => type === 'import.ended'));
  expect(posted.at(-1)).toMatchObject({
    data: { import_id: begun.body.import_id, status: 'done', memories_created: 1 },
  });
  await call('POST', '/v1/integrations/files?name=notes.md', 'I play chess.', headers);
  await vi.waitUntil(() => posted.filter(({ type }) => type === 'import.ended').length === 2);
  const { body } = await call('GET', '/v1/memories', undefined, headers);
  expect(body.memories).toMatchObject([
    { content: expect.stringContaining('The user plays chess'), thread_id: 'notes.md', source: 'file' },
    { content: 'The user lives in Porto', thread_id: 'u', quote: { day: '2026-05-01' } },
  ]);
  expect((await call('GET', path)).status, 'of another user').toBe(404);

  const table = 'date,subreddit,body\n2026-05-01 09:00:00 UTC,boats,I own a boat.';
  await call('POST', '/v1/integrations/social?source=reddit', table, headers);
  await vi.waitUntil(() => posted.filter(({ type }) => type === 'import.ended').length === 3);
  const [post] = (await call('GET', '/v1/memories', undefined, headers)).body.memories;
  expect(post).toMatchObject({ content: 'The user owns a boat', source: 'reddit', quote: { day: '2026-05-01' } });
});

it('describes each of its routes', async () => {
  const { body } = await call('GET', '/v1/memories/openapi.json');
  const described = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const routes = Object.values(MEMORY_ROUTES).map(({ method, path }) => `${method} ${path.replace(':id', '{id}')}`);
  expect(described.sort()).toEqual(routes.sort());
  const paths = body.paths as Record<string, Record<string, { requestBody: { content: object } }>>;
  expect(paths['/v1/memories/search']?.post?.requestBody.content).toMatchObject({
    'application/json': {
      schema: { properties: { limit: { minimum: 1, maximum: 100, default: 10 } }, required: ['query'] },
    },
  });
});

describe('keys', () => {
  it('names no user whose name is too long', async () => {
    await expect(addKey('a'.repeat(513))).rejects.toThrow('512');
  });

  it('keeps users apart', async () => {
    const { body } = await say('I own a boat.');
    const [{ id }] = body.memories;
    const headers = { 'x-api-key': '', authorization: `Bearer ${await addKey('eve')}` };
    expect((await call('GET', `/v1/memories/${id}`, undefined, headers)).status).toBe(404);
    expect((await call('DELETE', `/v1/memories/${id}`, undefined, headers)).status).toBe(404);
    expect((await call('POST', '/v1/memories/search', { query: 'boat' }, headers)).body.memories).toEqual([]);
  });

  it.each<[what: string, makeKey: () => Promise<string>, status: number, method?: string, path?: string]>([
    ['an unknown one', async () => `mem-${'0'.repeat(48)}`, 401],
    ['none', async () => '', 401],
    ['an expired one', addExpiredKey, 401],
    ['one that may only read', () => addKey('ana', ['read']), 403],
    ['one that may only write, for all memories', () => addKey('ana', ['write']), 403, 'DELETE', '/v1/memories'],
  ])('refuses %s', async (_, makeKey, status, method = 'PUT', path = '/v1/bio') => {
    expect((await call(method, path, { bio: 'a' }, { 'x-api-key': await makeKey() })).status).toBe(status);
  });

  it('refuses a revoked one, and stores neither secrets nor names', async () => {
    const { id, secret } = await keys.add({ user: 'Ana Silva', scopes: ['read'], expiresMs: undefined });
    expect((await call('GET', '/v1/memories', undefined, { 'x-api-key': secret })).status).toBe(200);
    expect(await keys.revoke(id)).toBe(true);
    expect((await call('GET', '/v1/memories', undefined, { 'x-api-key': secret })).status).toBe(401);
    const dump = await place.dump();
    expect([dump.includes(secret), dump.includes('Ana Silva')]).toEqual([false, false]);
    expect((await keys.list()).find((key) => key.id === id)).toMatchObject({ user: 'Ana Silva' });
  });
});

describe('keys over HTTP', () => {
  const make = (secret: string, body: object) => call('POST', '/v1/api-keys', body, { 'x-api-key': secret });
  const list = async (secret: string) =>
    (await call('GET', '/v1/api-keys', undefined, { 'x-api-key': secret })).body.keys;
  const revoke = (secret: string, id: string) =>
    call('DELETE', `/v1/api-keys/${id}`, undefined, { 'x-api-key': secret });

  it('makes, lists and revokes keys', async () => {
    const own = await addKey('fay', ['read', 'keys']);
    const expires = new Date(nowMs + 1_000_000).toISOString();
    const { status, body } = await make(own, { scopes: ['read'], expires_at: expires });
    expect([status, body]).toEqual([
      201,
      {
        ...{ id: expect.stringMatching(/^[0-9a-f]{16}$/), key: expect.stringMatching(/^mem-[0-9a-f]{48}$/) },
        ...{ prefix: body.key.slice(0, 10), scopes: ['read'], created_at: expect.any(String), expires_at: expires },
        ...{ revoked_at: null, last_used_at: null },
      },
    ]);
    expect((await call('GET', '/v1/memories', undefined, { 'x-api-key': body.key })).status).toBe(200);
    const { key, ...shown } = body;
    const listed = await list(own);
    expect(listed.map(({ scopes }: { scopes: readonly string[] }) => scopes)).toEqual([['read', 'keys'], ['read']]);
    expect(listed[1]).toEqual({ ...shown, last_used_at: expect.stringMatching(/^2026-/) });
    expect((await revoke(own, body.id)).body).toEqual({ success: true });
    expect((await call('GET', '/v1/memories', undefined, { 'x-api-key': key })).status).toBe(401);
    expect((await revoke(own, body.id)).status, 'of a key that is revoked').toBe(404);
    expect((await list(own))[1].revoked_at).toEqual(expect.any(String));
  });

  it('gives no more rights and no more time than the own ones', async () => {
    const own = await addKey('gus', ['read', 'keys'], nowMs + 1_000_000);
    expect((await make(own, { scopes: ['read', 'write'] })).status).toBe(403);
    expect((await make(own, { scopes: ['admin'] })).status).toBe(403);
    const inherited = await make(own, { scopes: ['keys'] });
    expect(inherited.body.expires_at).toBe((await list(own))[0].expires_at);
    const later = new Date(nowMs + 2_000_000).toISOString();
    expect((await make(own, { scopes: ['read'], expires_at: later })).status).toBe(403);
    expect((await make(own, { scopes: ['read'], expires_at: 1 })).status, 'in the past').toBe(400);
    expect((await make(own, { scopes: [] })).status).toBe(400);
    expect((await make(await addKey('gus', ['admin']), { scopes: ['read'] })).status).toBe(403);
    expect((await make(await addKey('gus', ['admin']), { scopes: ['admin'] })).status).toBe(201);
    expect((await make(await addKey('gus', ['read', 'write']), { scopes: ['read'] })).status).toBe(403);
    expect((await make(await addExpiredKey(), { scopes: ['read'] })).status).toBe(401);
  });

  it('shows and revokes no key of another user, and none with more rights', async () => {
    const { id } = (await make(await addKey('hal', ['keys', 'admin']), { scopes: ['admin'] })).body;
    const weak = await addKey('hal', ['keys']);
    expect((await revoke(weak, id)).status).toBe(403);
    expect((await revoke(ana, id)).status).toBe(404);
    expect((await list(ana)).some((key: { id: string }) => key.id === id)).toBe(false);
  });

  it('forgets a dead key for a further one, and refuses more live ones than the limit', async () => {
    const own = await addKey('ivy', ['keys', 'read']);
    const { id } = (await make(own, { scopes: ['read'] })).body;
    for (let i = 2; i < 64; i++) await addKey('ivy', ['read']);
    expect((await make(own, { scopes: ['read'] })).body.error.message).toContain('at most 64 API keys');
    await revoke(own, id);
    expect((await make(own, { scopes: ['read'] })).status).toBe(201);
    expect((await list(own)).some((key: { id: string }) => key.id === id)).toBe(false);
  });
});

it.each([
  ['POST', '/v1/memories', { messages: [{ role: 'user', content: 'a' }], user_id: 'bo' }, 400],
  ['POST', '/v1/memories', { messages: Array(257).fill({ role: 'user', content: 'a' }) }, 400],
  ['POST', '/v1/memories', { messages: [{ role: 'user', content: 'a'.repeat(100_000) }] }, 413],
  ['POST', '/v1/memories/search', { query: '' }, 400],
  ['POST', '/v1/memories/search', { query: 'a', limit: 101 }, 400],
  ['POST', '/v1/memories/search', { query: 'a', categories: ['secrets'] }, 400],
  ['GET', '/v1/memories?before=x', undefined, 400],
  ['GET', '/v1/memories/../../etc', undefined, 404],
  ['PATCH', `/v1/memories/${'0'.repeat(32)}`, { type: 'wrong' }, 400],
  ['PATCH', `/v1/memories/${'0'.repeat(32)}`, { type: 'episodic' }, 404],
  ['PUT', '/v1/memories', {}, 405],
  ['POST', '/v1/integrations/chat?source=myspace', [], 400],
  ['POST', '/v1/integrations/chat?source=claude', {}, 400],
  ['POST', '/v1/integrations/chat?source=x', [], 400],
  ['POST', '/v1/integrations/social?source=claude', [], 400],
  ['POST', '/v1/integrations/social?source=mastodon', {}, 400],
  ['POST', '/v1/integrations/files?name=notes.docx', 'a', 415],
  ['POST', '/v1/integrations/files?name=notes.pdf', 'a', 400],
  ['PUT', '/v1/webhook', { url: 'file:///etc/passwd' }, 400],
  ['PUT', '/v1/webhook', { url: 'https://user:secret@example.com' }, 400],
] as const)('refuses %s %s', async (method, path, body, status) => {
  const answer = await call(method, path, body);
  expect(answer).toMatchObject({ status, body: { error: { message: expect.any(String) } } });
});

it('refuses pages of other sites, and names that lead here', async () => {
  expect((await call('GET', '/v1/memories', undefined, { origin: 'https://evil.example' })).status).toBe(403);
  expect((await call('GET', '/v1/memories', undefined, { host: 'evil.example' })).status).toBe(403);
});
