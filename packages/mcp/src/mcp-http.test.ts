import { request as send } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Secret } from '@ogong/host/crypto/secret';
import { createLogger } from '@ogong/host/log/logger';
import type { Client as GatewayClient } from '@ogong/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { createFeeMeter } from './fee-meter.ts';
import { createMcpHttp, MAX_MESSAGE_BYTES } from './mcp-http.ts';
import { createMcpServer } from './mcp-server.ts';
import { createCallRunner } from './tool-calls.ts';

const KEY = 'key-of-this-test';
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const answer = (content: string) => ({
  response: { choices: [{ message: { content }, finish_reason: 'stop' }] },
  replies: [{ replyId: 'ab', checks: [], allowed: [] }],
});

/** Of a client: with a handshake and a session, or each request alone. */
const ERAS = ['legacy', { pin: '2026-07-28' }] as const;
type Mode = (typeof ERAS)[number];

type Ask = (signal: AbortSignal) => Promise<unknown>;

async function serve({
  key,
  timeoutMs = 60_000,
  ask = async () => answer('hi'),
}: {
  key?: string;
  timeoutMs?: number;
  ask?: Ask;
} = {}) {
  const create = (_: unknown, { signal }: { signal: AbortSignal }) => ask(signal);
  const context = {
    ...{ client: { chat: { completions: { create } } } as unknown as GatewayClient, trust: {}, allow: [] },
    ...{ fees: createFeeMeter(undefined), nowMs: Date.now, memory: undefined },
    runCall: createCallRunner({ concurrency: 2, timeoutMs }, createLogger({ name: 'test', level: 'silent' })),
  };
  const http = createMcpHttp({ port: 0, key: key === undefined ? undefined : new Secret(key) }, () =>
    createMcpServer(context),
  );
  await http.start();
  closing.push(() => http.stop());
  const url = new URL(`http://127.0.0.1:${http.address().port}/mcp`);
  const connect = async (headers: Record<string, string> = {}, mode: Mode = 'legacy') => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
    const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
    await client.connect(transport);
    closing.push(() => client.close());
    return client;
  };
  return { url, connect };
}

/** Sends headers that `fetch` does not let a caller set. */
const post = (url: URL, headers: Record<string, string>, body = INITIALIZE): Promise<number> =>
  new Promise((resolve, reject) => {
    const accepts = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const sent = send(url, { method: 'POST', headers: { ...accepts, ...headers } }, (response) => {
      response.destroy();
      resolve(response.statusCode as number);
    });
    sent.on('error', reject);
    sent.end(body);
  });

const INITIALIZE = JSON.stringify({
  ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});

/** A request of version 2026-07-28 says in its body who sends it. */
const LIST_TOOLS = JSON.stringify({
  ...{ jsonrpc: '2.0', id: 1, method: 'tools/list' },
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});

const ask = (client: Client, options: { signal?: AbortSignal } = {}) =>
  client.callTool({ name: 'ask', arguments: { model: 'm', prompt: 'hi' } }, options);

describe('MCP over HTTP', () => {
  it.each(ERAS)('serves a client of version %j', async (mode) => {
    const { connect } = await serve();
    const client = await connect({}, mode);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['ask', 'embed', 'verify']);
    expect(await ask(client)).toMatchObject({ structuredContent: { content: 'hi', reply_id: 'ab' } });
  });

  it.each<[string, Record<string, string>, number]>([
    ['the name of a web site that leads here', { host: 'evil.example' }, 403],
    ['a name that begins like this machine', { host: 'localhost.evil.example' }, 403],
    ['a page of a web site', { origin: 'https://evil.example' }, 403],
    ['a page without an origin of its own', { origin: 'null' }, 403],
    ['an unknown session', { 'mcp-session-id': 'none' }, 404],
    ['a page of this machine', { origin: 'http://localhost:3000' }, 200],
    ['a program of this machine', {}, 200],
  ])('answers %s with its status', async (_, headers, status) => {
    const { url } = await serve();
    expect(await post(url, headers)).toBe(status);
  });

  it('asks for its key, and serves one path', async () => {
    const { url, connect } = await serve({ key: KEY });
    expect(await post(url, {})).toBe(401);
    expect(await post(url, { authorization: `Bearer ${KEY}x` })).toBe(401);
    expect(await post(new URL('/', url), { authorization: `Bearer ${KEY}` })).toBe(404);
    for (const mode of ERAS)
      expect(await ask(await connect({ authorization: `Bearer ${KEY}` }, mode))).toMatchObject({
        structuredContent: { content: 'hi' },
      });
  });

  it('refuses a message that is too long, or that begins no session', async () => {
    const { url } = await serve();
    expect(await post(url, { 'content-length': `${MAX_MESSAGE_BYTES + 1}` }, '{')).toBe(413);
    expect(await post(url, {}, INITIALIZE.replace('initialize', 'tools/list'))).toBe(400);
    expect(await post(url, {}, 'no JSON')).toBe(400);
  });

  it.each<[string, Record<string, string>, number]>([
    ['its own version', {}, 200],
    ['another version in its header', { 'mcp-protocol-version': '2025-11-25' }, 400],
    ['a version that nobody knows', { 'mcp-protocol-version': '2099-01-01' }, 400],
    ['another method in its header', { 'mcp-method': 'tools/call' }, 400],
  ])('answers a request without a session that states %s', async (_, headers, status) => {
    const { url } = await serve();
    const stated = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    expect(await post(url, { ...stated, ...headers }, LIST_TOOLS)).toBe(status);
  });

  it('refuses a message of a session whose header names no version', async () => {
    const { url } = await serve();
    const accepts = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const begun = await fetch(url, { method: 'POST', headers: accepts, body: INITIALIZE });
    const session = { 'mcp-session-id': begun.headers.get('mcp-session-id') as string };
    await begun.body?.cancel();
    const list = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' });
    expect(await post(url, { ...session, 'mcp-protocol-version': '2025-11-25' }, list)).toBe(200);
    expect(await post(url, { ...session, 'mcp-protocol-version': 'latest' }, list)).toBe(400);
  });

  it('ends the session that was unused for the longest time', async () => {
    const { connect } = await serve();
    const first = await connect();
    const second = await connect();
    expect((await first.listTools()).tools).toHaveLength(3);
    for (let i = 0; i < 31; i++) await connect();
    await expect(second.listTools()).rejects.toThrow('no such session');
    expect((await first.listTools()).tools).toHaveLength(3);
  });

  it.each(ERAS)(
    'runs so many calls at once, and aborts those that are cancelled or take too long (%j)',
    async (mode) => {
      const aborted: unknown[] = [];
      let started = 0;
      const hang: Ask = (signal) =>
        new Promise((_, reject) => {
          started++;
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason);
            reject(signal.reason);
          });
        });
      const client = await (await serve({ ask: hang })).connect({}, mode);
      const cancelled = new AbortController();
      const running = [1, 2].map(() => ask(client, { signal: cancelled.signal }).catch(() => 'cancelled'));
      await expect.poll(() => started).toBe(2);
      await expect(ask(client)).resolves.toMatchObject({
        ...{ isError: true, content: [{ text: '2 calls run already; try again later' }] },
      });
      cancelled.abort();
      expect(await Promise.all(running)).toEqual(['cancelled', 'cancelled']);
      await expect.poll(() => aborted.length).toBe(2);
      const hasty = await (await serve({ ask: hang, timeoutMs: 20 })).connect({}, mode);
      expect(await ask(hasty)).toMatchObject({ content: [{ text: 'the call took longer than 20 ms' }] });
    },
  );
});
