import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

let fixture: LocalFixture;
let client: OpenAI;
beforeAll(async () => {
  const made = shelve('made', {
    reference: 'file:/fake',
    defaults: { from: 'fake', parameters: { num_predict: 3, num_ctx: 64 } },
  });
  fixture = await createLocalFixture({ models: [shelve('fake'), made] });
  client = new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => fixture.close());

const messages = [{ role: 'user', content: 'Hi' }];
const asked = { model: 'fake', max_tokens: 6, temperature: 0, messages };
// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
const readJson = async (response: Promise<Response>): Promise<any> => (await response).json();
const post = (path: string, body: unknown, headers = {}) => fixture.post(path, body, headers);

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
async function readEvents(response: Response): Promise<any[]> {
  return (await response.text())
    .trim()
    .split('\n\n')
    .map((event) => {
      const [name, data] = event.split('\n');
      const parsed = JSON.parse(data?.slice('data: '.length) ?? '') as { type: string };
      expect(name).toBe(`event: ${parsed.type}`);
      return parsed;
    });
}

describe("Anthropic's API", () => {
  it('answers a message, the same whole and streamed', async () => {
    const whole = await readJson(post('/v1/messages', asked));
    expect(whole).toMatchObject({ type: 'message', model: 'fake', stop_reason: 'max_tokens' });
    expect(whole.usage.output_tokens).toBe(6);
    const response = await post('/v1/messages', { ...asked, stream: true });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = await readEvents(response);
    const kinds = events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
    const block = ['content_block_start', 'content_block_delta', 'content_block_stop'];
    expect(kinds).toEqual(['message_start', ...block, 'message_delta', 'message_stop']);
    expect(events.map(({ delta }) => delta?.text ?? '').join('')).toBe(whole.content[0].text);
    const { usage } = (events[0] as unknown as { message: { usage: { input_tokens: number } } }).message;
    expect(usage.input_tokens).toBe(whole.usage.input_tokens + whole.usage.cache_read_input_tokens);
    expect(whole.content[0]).not.toHaveProperty('citations');
  });

  it('answers HEAD / with 200, as clients ask before they begin', async () => {
    expect((await fetch(fixture.base, { method: 'HEAD' })).status).toBe(200);
  });

  it('answers as a chat does', async () => {
    const chat = await readJson(post('/v1/chat/completions', asked));
    const { content } = await readJson(post('/v1/messages', asked));
    expect(content[0].text).toBe(chat.choices[0].message.content);
  });

  it('counts the tokens that an answer would bill', async () => {
    const body = { model: 'fake', system: 'Be brief.', messages };
    const counted = await readJson(post('/v1/messages/count_tokens', body));
    const { usage } = await readJson(post('/v1/messages', { ...body, max_tokens: 1 }));
    expect(counted).toEqual({ input_tokens: usage.input_tokens + usage.cache_read_input_tokens });
  });

  it('cuts a limit down to the context, and says so', async () => {
    const response = await post('/v1/messages', { ...asked, max_tokens: 1e9 });
    expect(response.headers.get('x-ogong-clamped')).toBe('max_tokens=512');
  });

  it('begins with the settings that a made model was given, unless the request has its own', async () => {
    const limited = await readJson(post('/v1/responses', { model: 'made', input: 'Hi' }));
    expect(limited.usage.output_tokens).toBe(3);
    expect((await readJson(post('/v1/messages', { ...asked, model: 'made' }))).usage.output_tokens).toBe(6);
  });

  it.each([
    ['an unknown model', { ...asked, model: 'x' }, {}, 404, 'not_found_error'],
    ['no limit', { ...asked, max_tokens: undefined }, {}, 400, 'invalid_request_error'],
    ['no JSON', '{', {}, 400, 'invalid_request_error'],
    ['a version of its own', asked, { 'anthropic-version': '2022-01-01' }, 400, 'invalid_request_error'],
    ['a strange page', asked, { origin: 'https://x.example' }, 403, 'permission_error'],
  ] as const)('refuses %s in its own words', async (_, body, headers, status, type) => {
    const response = await post('/v1/messages', body, headers);
    expect(response.status).toBe(status);
    const { request_id, ...error } = (await response.json()) as Record<string, unknown>;
    expect(error).toMatchObject({ type: 'error', error: { type, message: expect.any(String) } });
    expect(request_id).toBe(response.headers.get('request-id'));
  });

  it('names what it drops', async () => {
    const response = await post('/v1/messages', { ...asked, thinking: { type: 'enabled', budget_tokens: 1024 } });
    expect(response.headers.get('x-ogong-ignored')).toBe('thinking.budget_tokens, thinking.type');
  });

  it('lists models to clients that name a version, and shows OpenAI’s to others', async () => {
    const get = (path: string, headers: object) =>
      readJson(fetch(`${fixture.base}${path}`, { headers: { ...headers } }));
    const version = { 'anthropic-version': '2023-06-01' };
    expect(await get('/v1/models', version)).toMatchObject({
      data: [{ type: 'model', id: 'fake' }, {}],
      has_more: false,
    });
    expect(await get('/v1/models/fake', version)).toMatchObject({ type: 'model', display_name: 'fake' });
    expect(await get('/v1/models', {})).toMatchObject({ object: 'list', data: [{ object: 'model', id: 'fake' }, {}] });
    expect(await get('/v1/models/x', version)).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  });
});

it.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x'.repeat(600) }] }, 'messages'],
  ['/v1/completions', { prompt: 'x'.repeat(600) }, 'prompt'],
  ['/v1/responses', { input: 'x'.repeat(600) }, 'input'],
])('says at %s with the code of OpenAI that a prompt is too long, whole and streamed', async (path, body, param) => {
  for (const stream of [false, true]) {
    const response = await post(path, { model: 'fake', stream, ...body });
    const { error } = (await response.json()) as { error: { message: string } };
    expect([response.status, error]).toEqual([
      400,
      expect.objectContaining({ code: 'context_length_exceeded', param }),
    ]);
    expect(error.message).toMatch(
      /^This model's maximum context length is 512 tokens\. However, your \w+ resulted in 6\d\d tokens\./,
    );
  }
});

it('says to clients of Anthropic in their words that a prompt is too long', async () => {
  const body = { ...asked, messages: [{ role: 'user', content: 'x'.repeat(600) }] };
  const { error } = await readJson(post('/v1/messages', body));
  expect(error.message).toMatch(/^prompt is too long: 6\d\d tokens > 511 maximum$/);
});

describe("OpenAI's responses", () => {
  const input = [{ role: 'user' as const, content: 'Hi' }];
  const request = { model: 'fake', input, temperature: 0, max_output_tokens: 6 };

  it('answer, the same whole and streamed, and as a chat does', async () => {
    const whole = await client.responses.create(request);
    expect(whole).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(whole).toHaveProperty('store', false);
    let text = '';
    let last: unknown;
    for await (const event of await client.responses.create({ ...request, stream: true })) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      last = event;
    }
    expect(text).toBe(whole.output_text);
    expect(last).toMatchObject({ type: 'response.incomplete', response: { usage: { output_tokens: 6 } } });
    const chat = await readJson(post('/v1/chat/completions', asked));
    expect(whole.output_text).toBe(chat.choices[0].message.content);
  });

  it('give JSON of a schema', async () => {
    const schema = {
      type: 'object',
      properties: { a: { enum: [1, 2] } },
      required: ['a'],
      additionalProperties: false,
    };
    const format = { type: 'json_schema' as const, name: 'x', schema, strict: true };
    const { output_text, text } = await client.responses.create({ model: 'fake', input, text: { format } });
    expect([1, 2]).toContain(JSON.parse(output_text).a);
    expect(text).toEqual({ format });
  });

  it('are counted', async () => {
    const { input_tokens } = await client.responses.inputTokens.count({ model: 'fake', input: 'Hi' });
    const { usage } = await client.responses.create({ ...request, input: 'Hi' });
    expect(input_tokens).toBe(usage?.input_tokens);
  });

  it('are not stored, and a request that needs it is refused with the reason', async () => {
    const response = await post('/v1/responses', { ...request, store: true });
    expect(response.headers.get('x-ogong-ignored')).toBe('store');
    const { id, store } = (await response.json()) as { id: string; store: boolean };
    expect(store).toBe(false);
    const next = client.responses.create({ ...request, previous_response_id: id });
    await expect(next).rejects.toMatchObject({ status: 400, param: 'previous_response_id', message: /is stored here/ });
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({
      status: 404,
      message: /No response is stored/,
    });
    await expect(client.responses.delete(id)).rejects.toMatchObject({ status: 404 });
  });
});
