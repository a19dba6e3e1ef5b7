import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { utf8Decode } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { encodeAgentChain } from '@ogong/sdk';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createSyntheticAgent } from '@ogong/testing/synthetic/synthetic-agent';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MAX_MESSAGE_BYTES } from './mcp-http.ts';

const program = findProgram(new URL('./bin/ogong-mcp.ts', import.meta.url));
/** The network of this test is made up: nobody knows it beforehand. */
const ANCHORS = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];
const allowed = ANCHORS.flatMap((id) => ['--allow', id]);
const MEMORY_KEY = 'memory-key-of-this-test';

let gateway: GatewayFixture;
/** Requests to the memory API, and its next answer. */
let remembered: { path: string | undefined; key: string | undefined; body: unknown }[];
let memoryAnswer: { status: number; body: string };
const memory = createServer(async (request, response) => {
  let text = '';
  for await (const piece of request) text += piece;
  remembered.push({ path: request.url, key: request.headers.authorization, body: JSON.parse(text) });
  response.writeHead(memoryAnswer.status, { 'content-type': 'application/json' }).end(memoryAnswer.body);
});
beforeAll(async () => {
  gateway = await createGatewayFixture();
  await new Promise<void>((resolve) => void memory.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await gateway?.close();
  memory.close();
});
beforeEach(() => {
  remembered = [];
});

const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

const connect = (...flags: string[]) => connectAs('auto', ...flags);

async function connectAs(mode: 'auto' | 'legacy', ...flags: string[]) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', program, '--gateway', gateway.url, ...flags],
    env: { OGONG_MCP_MEMORY_KEY: MEMORY_KEY },
    stderr: 'pipe',
  });
  let log = '';
  transport.stderr?.on('data', (piece) => (log += piece));
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  clients.push(client);
  await client.connect(transport);
  const call = async (name: string, given: Record<string, unknown>) => {
    const { content, structuredContent, isError } = await client.callTool({ name, arguments: given });
    const [first] = content as { text: string }[];
    return { text: first?.text ?? '', value: structuredContent as never, isError: isError === true };
  };
  return { client, call, log: () => log };
}

const memoryUrl = () => `http://127.0.0.1:${(memory.address() as AddressInfo).port}`;
const receiptOf = async (id: string): Promise<string> => (await fetch(`${gateway.url}/v1/receipts/${id}`)).text();

describe('ogong-mcp on standard input', () => {
  it('asks, embeds and verifies', async () => {
    const { client, call } = await connect(...allowed);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['ask', 'embed', 'verify']);
    const asked = await call('ask', { model: FAKE_MODEL, prompt: 'Tell me a story.' });
    expect(asked).toMatchObject({ isError: false, text: expect.stringMatching(/^Once upon a time/) });
    const { reply_id: id, ...receipt } = asked.value as { reply_id: string };
    expect(receipt).toMatchObject({ checks_skipped: ANCHORS, fee_atomic: expect.stringMatching(/^\d+$/) });
    const file = await receiptOf(id);
    expect((await call('verify', { file })).value).toMatchObject({ kind: 'receipt', ok: true, missing: [] });
    const bent = await call('verify', { file: file.replace(/"response":"./, '"response":"A') });
    expect(bent.value).toMatchObject({ ok: false });
    expect(bent.text).toContain('"response-hash","status":"fail"');
    const run = utf8Decode(encodeAgentChain(createSyntheticAgent(nobleCrypto).steps));
    expect((await call('verify', { file: run })).value).toMatchObject({ kind: 'run', ok: true });
    expect((await call('verify', { file: run.replace('sunny', 'snowy') })).value).toMatchObject({
      kind: 'run',
      ok: false,
    });
    const { value } = await call('embed', { model: FAKE_MODEL, input: ['one', 'two'] });
    expect((value as { vectors: number[][] }).vectors).toHaveLength(2);
  });

  it.each([
    ['auto', '2026-07-28'],
    ['legacy', '2025-11-25'],
  ] as const)('speaks with a client of mode %s by version %s', async (mode, version) => {
    const { client, call } = await connectAs(mode, ...allowed);
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
    expect(await call('verify', { file: 'no receipt' })).toMatchObject({ isError: true });
  });

  it('ends with its client, and at a message that is too long', async () => {
    const args = ['--disable-warning=ExperimentalWarning', program, '--gateway', gateway.url];
    for (const text of ['', `{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(MAX_MESSAGE_BYTES)}"}\n`]) {
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'] });
      child.stdin.on('error', () => {});
      const exited = once(child, 'exit');
      if (text === '') child.stdin.end();
      else child.stdin.write(text);
      expect(await exited).toEqual([0, null]);
    }
  });

  it('gives no answer that its receipt does not prove', async () => {
    const { call } = await connect(...allowed.slice(2));
    const asked = await call('ask', { model: FAKE_MODEL, prompt: 'Tell me a story.' });
    expect(asked).toMatchObject({ isError: true, text: expect.stringContaining('not checked: router') });
    expect(JSON.stringify(asked)).not.toContain('Once upon');
  });

  it('stops buying at its limit', async () => {
    const { call } = await connect(...allowed, '--max-spend', '1');
    const both = await Promise.all(
      ['one', 'two'].map((prompt) => call('ask', { model: FAKE_MODEL, prompt, max_tokens: 4 })),
    );
    expect(both.map(({ isError }) => isError)).toEqual([false, true]);
    expect(both[1]?.text).toMatch(/^the answers cost 0\.\d+ of 0\.000000000000000001 OGONG/);
  });

  it('remembers and recalls by the memory API, and shows its key to nobody else', async () => {
    const { call, log } = await connect('--memory', memoryUrl(), '--log-level', 'trace');
    memoryAnswer = { status: 200, body: '{"success":true,"memories_created":1,"memories":[]}' };
    expect((await call('remember', { text: 'I live in Oslo.' })).value).toEqual({ memories_created: 1 });
    const id = '0a'.repeat(16);
    const recalled = `<recalled-memory id="${id}">lives in Oslo</recalled-memory>`;
    const memories = [{ id, memory: 'lives in Oslo', type: 'semantic', recalled }];
    memoryAnswer = { status: 200, body: JSON.stringify({ memories }) };
    const query = { query: 'home', limit: 3, type: 'semantic', as_of: '2026-05-08T10:00:00Z' };
    const found = await call('recall', query);
    expect(found.value).toEqual({ memories });
    const key = `Bearer ${MEMORY_KEY}`;
    expect(remembered).toEqual([
      {
        ...{ path: '/v1/memories', key },
        body: { messages: [{ role: 'user', content: 'I live in Oslo.' }], agent_id: 'ogong-mcp', source: 'chat' },
      },
      { path: '/v1/memories/search', key, body: query },
    ]);
    for (const [status, body] of [
      [200, '{"memories":[{"id":1}]}'],
      [200, 'no JSON'],
      [500, '{}'],
    ] as const) {
      memoryAnswer = { status, body };
      expect(await call('recall', { query: 'home' })).toMatchObject({ isError: true });
    }
    expect(log()).toContain('a call failed');
    expect(log()).not.toContain(MEMORY_KEY);
  });

  it('refuses arguments out of range, and both forms of a question', async () => {
    const { call } = await connect(...allowed);
    const messages = [{ role: 'user', content: 'hi' }];
    for (const given of [{}, { prompt: 'hi', messages }, { prompt: 'hi', max_tokens: 0 }, { messages: [] }])
      expect(await call('ask', { model: FAKE_MODEL, ...given }), JSON.stringify(given)).toMatchObject({
        isError: true,
      });
    const input = Array.from({ length: 65 }, () => 'x');
    expect(await call('embed', { model: FAKE_MODEL, input })).toMatchObject({ isError: true });
    expect(await call('verify', { file: 'no receipt' })).toMatchObject({ isError: true });
  });
});
