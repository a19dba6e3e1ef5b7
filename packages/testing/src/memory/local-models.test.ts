import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalModels } from '@ogong/memory/models/local-models';
import { isLocalReceipt, parseAnyReceipt } from '@ogong/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeEngine } from '../engine/fake.ts';
import { createFakeEmbeddingEngine } from '../engine/fake-embedding.ts';
import { startLocalMode } from './local-mode.ts';

const { signal } = new AbortController();
const names = { chat: 'chat', embedding: 'embedder', rerank: 'ranker' };
const schema = {
  type: 'object',
  properties: { color: { enum: ['red', 'green'] } },
  required: ['color'],
  additionalProperties: false,
};
const ask = { messages: [{ role: 'user' as const, content: 'Which color?' }], schema, maxTokens: 100 };

type Bend = (path: string, body: Record<string, unknown>) => unknown;
let local: Awaited<ReturnType<typeof startLocalMode>>;
let bend: Bend = (_, body) => body;
const proxy = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const init = parts.length === 0 ? {} : { method: 'POST', body: Buffer.concat(parts) };
  const answer = await fetch(`${local.baseUrl}${request.url}`, init);
  response.writeHead(answer.status).end(JSON.stringify(bend(request.url ?? '', (await answer.json()) as never)));
});

beforeAll(async () => {
  local = await startLocalMode({
    chat: createFakeEngine({ contextSize: 512 }),
    embedder: createFakeEmbeddingEngine(),
    ranker: createFakeEmbeddingEngine({ reranks: true }),
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await local.close();
  await new Promise((resolve) => proxy.close(resolve));
});

it('asks local mode, and keeps the checked receipts of its answers', async () => {
  const models = createLocalModels({ baseUrl: local.baseUrl, names });
  const chat = await models.chat(ask, signal);
  expect(JSON.parse(chat.value)).toEqual({ color: expect.stringMatching(/^(red|green)$/) });
  const vectors = await models.embed(['one', 'two'], signal);
  expect(vectors.value.map((vector) => Math.hypot(...vector))).toEqual([expect.closeTo(1), expect.closeTo(1)]);
  const scores = await models.rerank?.('one', ['a', 'b', 'c'], signal);
  expect(scores?.value).toHaveLength(3);
  for (const [endpoint, made] of Object.entries({ chat, embedding: vectors, rerank: scores })) {
    const receipt = parseAnyReceipt(made?.evidence.receipt ?? '');
    expect([receipt.endpoint, isLocalReceipt(receipt), made?.evidence.endpoint]).toEqual([endpoint, true, endpoint]);
  }
});

const isReceipt = (path: string): boolean => path.startsWith('/v1/receipts/');
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

it.each<[what: string, bend: Bend, message: RegExp]>([
  ['without receipts', (path, body) => (isReceipt(path) ? body : { ...body, ogong: undefined }), /without a receipt/],
  [
    'with another text',
    (path, body) => (isReceipt(path) ? { ...body, response: encode('{}') } : body),
    /response-hash/,
  ],
  [
    'with the receipt of vectors',
    (path, body) => (isReceipt(path) ? { ...body, endpoint: 'embedding' } : body),
    /receipt/,
  ],
  [
    'to another request',
    (path, body) => (isReceipt(path) ? { ...body, request: encode({ model: 'chat', messages: [] }) } : body),
    /^receipt: /,
  ],
])('refuses an answer %s', async (_, given, message) => {
  bend = given;
  const { port } = proxy.address() as AddressInfo;
  const models = createLocalModels({ baseUrl: `http://127.0.0.1:${port}`, names });
  await expect(models.chat(ask, signal)).rejects.toThrow(message);
});

it('gives the reason of local mode', async () => {
  const models = createLocalModels({ baseUrl: local.baseUrl, names: { ...names, chat: 'missing' } });
  await expect(models.chat(ask, signal)).rejects.toThrow(/answered with status 404: .*missing/);
});

it('refuses the whole receipt of an earlier answer', async () => {
  const { port } = proxy.address() as AddressInfo;
  const models = createLocalModels({ baseUrl: `http://127.0.0.1:${port}`, names });
  let first: unknown;
  bend = (path, body) => {
    if (!isReceipt(path)) return body;
    first ??= body;
    return first;
  };
  await models.embed(['one'], signal);
  await expect(models.embed(['two'], signal)).rejects.toThrow('the receipt is about another request');
});
