import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';

let fixture: LocalFixture;
let client: OpenAI;
beforeAll(async () => {
  fixture = await createLocalFixture();
  client = new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => fixture.close());

const messages = [{ role: 'user' as const, content: 'Once' }];
const schema = {
  type: 'object',
  properties: { color: { enum: ['red', 'green'] }, size: { type: 'integer', minimum: 1, maximum: 99 } },
  required: ['color', 'size'],
  additionalProperties: false,
};
const PATTERN = /^\{\s*"color":\s*"(red|green)",\s*"size":\s*[1-9][0-9]?\s*\}$/;
const asked = { model: 'fake', messages, seed: 3, max_tokens: 200 };
const response_format = { type: 'json_schema' as const, json_schema: { name: 'thing', strict: true, schema } };

describe("OpenAI's response_format", () => {
  it('gives JSON of the schema, whole and streamed, and ends by itself', async () => {
    const whole = await client.chat.completions.create({ ...asked, response_format });
    expect(whole.choices[0]?.message.content).toMatch(PATTERN);
    expect(whole.choices[0]?.finish_reason).toBe('stop');
    let text = '';
    for await (const chunk of await client.chat.completions.create({ ...asked, response_format, stream: true }))
      text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe(whole.choices[0]?.message.content);
  });

  it('gives a JSON object, cut with finish reason length', async () => {
    const format = { type: 'json_object' as const };
    const { choices } = await client.chat.completions.create({ ...asked, max_tokens: 3, response_format: format });
    expect(choices[0]?.message.content).toMatch(/^\{/);
    expect(choices[0]?.finish_reason).toBe('length');
  });

  it('is refused by the keyword that a grammar cannot express', async () => {
    const bad = {
      type: 'json_schema' as const,
      json_schema: { name: 'x', schema: { properties: { a: { not: { type: 'null' } } } } },
    };
    const answer = client.chat.completions.create({ ...asked, response_format: bad });
    await expect(answer).rejects.toMatchObject({
      status: 400,
      param: 'response_format',
      message: /\/properties\/a: not/,
    });
  });
});

describe('grammars under other names', () => {
  it.each([
    { ogong: { grammar: 'root ::= "yes" | "no"' } },
    { grammar: 'root ::= "yes" | "no"' },
    { guided_choice: ['yes', 'no'] },
    { structured_outputs: { choice: ['yes', 'no'] } },
  ])('%j', async (extra) => {
    for (const [path, more] of [
      ['/v1/chat/completions', { messages }],
      ['/v1/completions', { prompt: 'Once' }],
    ] as const) {
      const answer = await fixture.post(path, { model: 'fake', seed: 3, ...more, ...extra });
      const { choices } = (await answer.json()) as { choices: { text?: string; message?: { content: string } }[] };
      expect(['yes', 'no']).toContain(choices[0]?.text ?? choices[0]?.message?.content);
    }
  });
});

describe("Ollama's format", () => {
  const generate = async (path: string, extra: object) => {
    const more = path === '/api/chat' ? { messages } : { prompt: 'Once' };
    const response = await fixture.post(path, {
      model: 'fake',
      stream: false,
      options: { seed: 3 },
      ...more,
      ...extra,
    });
    return (await response.json()) as {
      error?: string;
      response?: string;
      done_reason?: string;
      message?: { content: string };
    };
  };

  it.each(['/api/chat', '/api/generate'])('gives JSON of a schema, and JSON: %s', async (path) => {
    const answer = await generate(path, { format: schema });
    expect(answer.message?.content ?? answer.response).toMatch(PATTERN);
    expect(answer.done_reason).toBe('stop');
    const any = await generate(path, { format: 'json', options: { seed: 3, num_predict: 2 } });
    expect(any.message?.content ?? any.response).toMatch(/^\{/);
    expect(any.done_reason).toBe('length');
  });

  it.each([
    ['yaml', /format must be/],
    [5, /format must be/],
    [{ uniqueItems: true }, /format: schema at \/: uniqueItems/],
  ])('is refused where it is neither: %j', async (format, message) => {
    expect((await generate('/api/chat', { format })).error).toMatch(message);
  });
});
