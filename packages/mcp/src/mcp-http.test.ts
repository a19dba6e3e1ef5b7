import { request as send } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
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
  const connect = async (headers: Record<string, string> = {}) => {
    const client = new Client({ name: 'test', version: '1' });
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

const ask = (client: Client, options: { signal?: AbortSignal } = {}) =>
  client.callTool({ name: 'ask', arguments: { model: 'm', prompt: 'hi' } }, undefined, options);

describe('MCP over HTTP', () => {
  it('serves a client in a session', async () => {
    const { connect } = await serve();
    const client = await connect();
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
    expect(await ask(await connect({ authorization: `Bearer ${KEY}` }))).toMatchObject({
      structuredContent: { content: 'hi' },
    });
  });

  it('refuses a message that is too long, or that begins no session', async () => {
    const { url } = await serve();
    expect(await post(url, { 'content-length': `${MAX_MESSAGE_BYTES + 1}` }, '{')).toBe(413);
    expect(await post(url, {}, INITIALIZE.replace('initialize', 'tools/list'))).toBe(400);
    expect(await post(url, {}, 'no JSON')).toBe(400);
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

  it('runs so many calls at once, and aborts those that are cancelled or take too long', async () => {
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
    const client = await (await serve({ ask: hang })).connect();
    const cancelled = new AbortController();
    const running = [1, 2].map(() => ask(client, { signal: cancelled.signal }).catch(() => 'cancelled'));
    await expect.poll(() => started).toBe(2);
    await expect(ask(client)).resolves.toMatchObject({
      ...{ isError: true, content: [{ text: '2 calls run already; try again later' }] },
    });
    cancelled.abort();
    expect(await Promise.all(running)).toEqual(['cancelled', 'cancelled']);
    await expect.poll(() => aborted.length).toBe(2);
    const hasty = await (await serve({ ask: hang, timeoutMs: 20 })).connect();
    expect(await ask(hasty)).toMatchObject({ content: [{ text: 'the call took longer than 20 ms' }] });
  });
});
