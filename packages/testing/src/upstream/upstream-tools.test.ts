import { createUpstreamEngine, type UpstreamEngine } from '@ogong/engine/upstream/engine';
import { UPSTREAM_KINDS } from '@ogong/engine/upstream/findings';
import { formatExactJson, parseExactJson } from '@ogong/protocol/base/exact-json';
import { afterEach, expect, it } from 'vitest';
import { collectReply, createRequest } from '../engine/compliance-requests.ts';
import { CALL_ARGUMENTS, type RecordedOptions, type RecordedServer, startRecordedServer } from './recorded-server.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(
  options: Partial<RecordedOptions> = {},
): Promise<{ readonly server: RecordedServer; readonly engine: UpstreamEngine }> {
  const server = await startRecordedServer({ kind: 'openai', ...options });
  closing.push(() => server.close());
  const root = { modelRoot: new Uint8Array(32), contextSize: 256 };
  const engine = await createUpstreamEngine({ address: server.address, ...root });
  closing.push(() => engine.close());
  return { server, engine };
}

const parameters = parseExactJson(
  '{"type": "object", "properties": {"2": {}, "1": {"maximum": 12345678901234567890}}}',
);
const tools = [
  { name: 'find', description: 'Finds.', parameters },
  { name: 'now', parameters },
];
const asks = { role: 'user', content: 'Where?' };
const ask = (engine: UpstreamEngine, prompt: object, others: object = {}) =>
  collectReply(engine.generate(createRequest('a', { prompt: { kind: 'chat', ...prompt } as never, ...others })));
const spell = (name: string, given: string): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${given}}\n</tool_call>`;

it.each(UPSTREAM_KINDS)('calls of %s are written as the format of its answers says', async (kind) => {
  const { server, engine } = await open({ kind });
  expect(engine.info().capabilities.tools).toBe(true);
  expect(engine.info().numericClass).toMatch(/\/tools$/);
  const reply = await ask(engine, { messages: [asks], tools });
  expect(reply.text).toBe(`I look.${spell('find', CALL_ARGUMENTS)}${spell('now', CALL_ARGUMENTS)}`);
  expect(reply).toMatchObject({ stopReason: 'stop-token' });
  expect(server.asked.at(-1)?.body.tools).toMatchObject([{ type: 'function', function: { name: 'find' } }, {}]);
  // A schema reaches the server with its long numbers, and its keys in their order.
  expect(server.asked.at(-1)?.text).toContain(formatExactJson(parameters));
});

it('a server sees calls and their answers', async () => {
  const { server, engine } = await open();
  const calls = [{ id: 'c1', name: 'find', arguments: '{"q": 1}' }];
  const messages = [
    ...[asks, { role: 'assistant', content: '', calls }],
    ...[{ role: 'tool', content: 'There.', callId: 'c1' }],
  ];
  const reply = await ask(engine, { messages, tools });
  expect(reply.text).not.toBe('');
  const called = { id: 'c1', type: 'function', function: { name: 'find', arguments: '{"q": 1}' } };
  expect(server.asked.at(-1)?.body.messages).toEqual([
    ...[asks, { role: 'assistant', content: '', tool_calls: [called] }],
    ...[{ role: 'tool', content: 'There.', tool_call_id: 'c1' }],
  ]);
});

it('a server that refuses tools is asked for none', async () => {
  const { engine } = await open({ refusesTools: true });
  expect(engine.info().capabilities.tools).toBe(false);
  await expect(ask(engine, { messages: [asks], tools })).rejects.toMatchObject({ code: 'invalid-request' });
  const answered = { role: 'tool', content: 'x', callId: 'c1' };
  await expect(ask(engine, { messages: [asks, answered] })).rejects.toMatchObject({ code: 'invalid-request' });
});

it('tools and a grammar are not asked for together', async () => {
  const { engine } = await open({ kind: 'llama-server' });
  const attempt = ask(engine, { messages: [asks], tools }, { grammar: 'root ::= "a"' });
  await expect(attempt).rejects.toMatchObject({ message: expect.stringMatching(/grammar beside tools/) });
});
