import { get } from 'node:http';
import { DOCUMENTED_PATHS } from '@ogong/testing/clients/documented-paths';
import { isServed, toPath } from '@ogong/testing/clients/served-paths';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';

let fixture: LocalFixture;
let base: string;

beforeAll(async () => {
  fixture = await createLocalFixture();
  ({ base } = fixture);
});
afterAll(() => fixture.close());

const post: LocalFixture['post'] = (...call) => fixture.post(...call);
const messages = [{ role: 'user' as const, content: 'Once upon a time' }];

describe('the OpenAI API', () => {
  const client = () => new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });

  it('lists models', async () => {
    const { data } = await client().models.list();
    const context_length = 2_048;
    expect(data).toEqual([{ id: 'fake', object: 'model', created: 1_700_000_000, owned_by: 'local', context_length }]);
  });

  it('answers the same, whole and streamed, under one seed', async () => {
    // A scope of its own: nobody else's prompts are in the cache for it.
    const asked = { model: 'fake', messages, max_tokens: 24, seed: 3, n: 2, prompt_cache_key: 'twice' };
    const whole = await client().chat.completions.create(asked);
    expect(whole.usage).toMatchObject({ completion_tokens: 48, prompt_tokens_details: { cached_tokens: 0 } });
    const texts = ['', ''];
    const ends: unknown[] = [];
    let usage: unknown;
    const stream = await client().chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      usage = chunk.usage ?? usage;
      for (const { index, delta, finish_reason: reason } of chunk.choices) {
        texts[index] += delta.content ?? '';
        if (reason) ends.push(reason);
      }
    }
    expect(texts).toEqual(whole.choices.map((choice) => choice.message.content));
    expect(texts[0]).not.toBe(texts[1]);
    expect(ends).toEqual(['length', 'length']);
    // The prompt had been there before.
    expect(usage).toEqual({ ...whole.usage, prompt_tokens_details: { cached_tokens: 33 } });
  });

  it('gives log-probabilities to who asks', async () => {
    const answer = await client().chat.completions.create({
      model: 'fake',
      messages,
      max_tokens: 4,
      logprobs: true,
      top_logprobs: 3,
    });
    const content = answer.choices[0]!.logprobs!.content!;
    expect(content).toHaveLength(4);
    for (const { logprob, top_logprobs: top } of content) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top).toHaveLength(3);
    }
  });

  it.each([
    ['an unknown model', { model: 'other', messages }, 404, 'model'],
    ['a bad parameter', { model: 'fake', messages, temperature: 9 }, 400, 'temperature'],
    ['no JSON', '{', 400, null],
    [
      'a prompt beyond the context',
      { model: 'fake', messages: [{ role: 'user', content: 'x'.repeat(600) }] },
      400,
      'messages',
    ],
    [
      'the same, streamed',
      { model: 'fake', stream: true, messages: [{ role: 'user', content: 'x'.repeat(600) }] },
      400,
      'messages',
    ],
  ])('refuses %s', async (_name, body, status, param) => {
    const response = await post('/v1/chat/completions', body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: { param: unknown } }).error.param).toBe(param);
  });
});

describe('the Ollama API', () => {
  it('lists models and its version', async () => {
    const tags = (await (await fetch(`${base}/api/tags`)).json()) as { models: unknown[] };
    expect(tags.models).toMatchObject([
      { name: 'fake:latest', model: 'fake:latest', size: 7, details: { family: 'llama', quantization_level: 'F32' } },
    ]);
    expect(await (await fetch(`${base}/api/version`)).json()).toHaveProperty('version');
    expect(await (await fetch(base)).text()).toBe('Ollama is running');
  });

  it('streams a chat by default, and gives it whole on request', async () => {
    const body = { model: 'fake:latest', messages, options: { num_predict: 16, seed: 4 } };
    const response = await post('/api/chat', body);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { message: { content: string }; done: boolean });
    const whole = (await (await post('/api/chat', { ...body, stream: false })).json()) as (typeof lines)[0];
    expect(lines.map(({ message }) => message.content).join('')).toBe(whole.message.content);
    expect(lines.map(({ done }) => done)).toEqual([...Array.from({ length: lines.length - 1 }, () => false), true]);
    expect(whole).toMatchObject({ done: true, done_reason: 'length', eval_count: 16 });
  });

  it('generates from a prompt', async () => {
    const body = { model: 'fake', prompt: 'Once', system: 'Be brief.', stream: false, options: { num_predict: 8 } };
    expect(await (await post('/api/generate', body)).json()).toMatchObject({
      response: expect.any(String),
      eval_count: 8,
      done: true,
    });
  });

  it('says what is wrong in its own words', async () => {
    const response = await post('/api/chat', { model: 'other', messages });
    expect([response.status, await response.json()]).toEqual([404, { error: expect.stringContaining('not found') }]);
    expect((await post('/api/chat', { model: 'fake', messages, tools: [{}] })).status).toBe(400);
    expect((await post('/api/nothing', {})).status).toBe(404);
  });

  it('refuses a body that nests without end', async () => {
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const response = await post('/api/chat', `{"model":"fake","messages":${nested}}`);
    expect([response.status, await response.json()]).toEqual([400, { error: expect.stringContaining('nests deeper') }]);
  });
});

it('answers pages of this machine only', async () => {
  const statusFrom = async (origin: string) => (await post('/api/chat', {}, { origin })).status;
  expect(await statusFrom('https://evil.example')).toBe(403);
  expect(await statusFrom('http://localhost.evil.example')).toBe(403);
  expect(await statusFrom('null')).toBe(403);
  expect(await statusFrom('http://localhost:3000')).not.toBe(403);
  expect(await statusFrom('tauri://localhost')).not.toBe(403);
  expect(await statusFrom('vscode-webview://1a2b')).not.toBe(403);
});

it('shows its answers to those pages, and asks the browser nothing more', async () => {
  const origin = 'http://localhost:3000';
  const asked = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' };
  const preflight = await fetch(`${base}/api/chat`, { method: 'OPTIONS', headers: asked });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
  expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type');
  const answer = await fetch(`${base}/api/tags`, { headers: { origin } });
  expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
  expect((await fetch(base, { method: 'HEAD' })).status).toBe(200);
});

it('answers to no other name, which a page could give to this machine', async () => {
  const { port } = new URL(base);
  const status = (host: string) =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: '/api/tags', headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
  expect(await status(`rebound.example:${port}`)).toBe(403);
  expect(await status(`localhost:${port}`)).toBe(200);
});

it('answers every documented endpoint that it does not serve with a reason, in OpenAI’s words', async () => {
  const unserved = DOCUMENTED_PATHS.openai.filter((row) => !isServed(row, 'local mode'));
  expect(unserved.length).toBeGreaterThan(100);
  for (const row of unserved) {
    const [method, path] = row.split(' ') as unknown as [string, string];
    const response = await fetch(`${fixture.base}${toPath(path)}`, { method });
    const { error } = (await response.json()) as { error: { code: string; message: string; type: string } };
    const said = expect.stringMatching(/ is not served here: .{20,}\.$/);
    expect([response.status, error.code, error.type, error.message], row).toEqual([
      ...[404, 'not_served', 'invalid_request_error', said],
    ]);
  }
});
