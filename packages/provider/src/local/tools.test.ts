import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';

let fixture: LocalFixture;
afterEach(() => fixture.close());

async function open(says?: string, answerFormat?: AnswerFormat): Promise<OpenAI> {
  const script = { ...(says !== undefined && { says }), ...(answerFormat && { answerFormat }) };
  fixture = await createLocalFixture({ open: () => createFakeEngine({ contextSize: 2048, ...script }) });
  return new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
}

const parameters = {
  type: 'object',
  properties: { city: { enum: ['Paris', 'Rome'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['city', 'days'],
};
const tools = [
  { type: 'function' as const, function: { name: 'weather', description: 'What the weather will be.', parameters } },
  { type: 'function' as const, function: { name: 'clock', parameters: { type: 'object', properties: {} } } },
];
const asked = { model: 'fake', messages: [{ role: 'user' as const, content: 'Hi' }], tools, max_tokens: 300 };

const CALLS = {
  hermes:
    'I look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>\n<tool_call>\n{"name": "clock"}\n</tool_call>',
  llama: '{"name": "weather", "parameters": {"city": "Rome"}}; {"name": "clock", "parameters": {}}',
  mistral:
    'I look.[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Rome"}}, {"name": "clock", "arguments": {}}]',
} as const;

describe('a model that calls tools', () => {
  it.each(Object.entries(CALLS))('in the manner of %s is read whole and streamed', async (calls, says) => {
    const client = await open(says, { calls: calls as keyof typeof CALLS, reasoning: 'none', marks: 'think' });
    const whole = await client.chat.completions.create(asked);
    const expected = {
      finish_reason: 'tool_calls',
      message: {
        content: calls === 'llama' ? null : 'I look.',
        tool_calls: [
          { type: 'function', function: { name: 'weather', arguments: '{"city": "Rome"}' } },
          { type: 'function', function: { name: 'clock', arguments: '{}' } },
        ],
      },
    };
    expect(whole.choices[0]).toMatchObject(expected);
    const stream = client.chat.completions.stream({ ...asked, stream: true });
    const { choices } = await stream.finalChatCompletion();
    // A stream begins before it is known that no text comes.
    const content = expected.message.content ?? '';
    expect(choices[0]).toMatchObject({ ...expected, message: { ...expected.message, content } });
  });

  it('is shown as it writes where no tool is offered', async () => {
    const client = await open(CALLS.hermes);
    const { choices } = await client.chat.completions.create({ ...asked, tool_choice: 'none' });
    expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: CALLS.hermes } });
    expect(choices[0]?.message.tool_calls).toBeUndefined();
  });

  it('has the arguments of a call streamed in pieces, after its name', async () => {
    const client = await open(CALLS.hermes);
    const deltas: OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall[] = [];
    for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true }))
      deltas.push(...(choices[0]?.delta.tool_calls ?? []));
    expect(deltas[0]).toEqual({
      ...{ index: 0, id: expect.stringMatching(/^call_/), type: 'function' },
      function: { name: 'weather', arguments: '' },
    });
    const pieces = deltas.filter(({ index }) => index === 0).slice(1);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.map((piece) => piece.function?.arguments).join('')).toBe('{"city": "Rome"}');
  });

  it('has what it thought apart, and no mark of it in the answer', async () => {
    const client = await open('Hm, hm.\n</think>\n\nYes.', { calls: 'hermes', reasoning: 'opened', marks: 'think' });
    const { choices } = await client.chat.completions.create(asked);
    expect(choices[0]?.message).toMatchObject({ content: 'Yes.', reasoning_content: 'Hm, hm.' });
  });
});

describe('a form beside tools', () => {
  const schema = { type: 'object', properties: { name: { enum: ['weather'] } }, required: ['name'] };
  const response_format = { type: 'json_schema' as const, json_schema: { name: 'x', schema } };
  const call = (city: string) =>
    `<tool_call>\n{"name": "weather", "arguments": {"city":"${city}","days":3}}\n</tool_call>`;
  const format: AnswerFormat = { calls: 'mistral', reasoning: 'opened', marks: 'bracketed' };

  it('lets a model of any family answer by JSON or by calls', async () => {
    for (const [says, finish, content, names] of [
      ['{"name":"weather"}', 'stop', '{"name":"weather"}', undefined],
      [`${call('Rome')}\n${call('Paris')}`, 'tool_calls', null, ['weather', 'weather']],
    ] as const) {
      const client = await open(says, format);
      const { choices } = await client.chat.completions.create({ ...asked, response_format });
      expect(choices[0]).toMatchObject({ finish_reason: finish, message: { content } });
      const called = choices[0]?.message.tool_calls?.map((each) => each.type === 'function' && each.function.name);
      expect(called).toEqual(names);
      await fixture.close();
    }
  });

  it.each(['I look.', call('Oslo'), '[TOOL_CALLS][{"name": "clock", "arguments": {}}]'])(
    'never shows what is neither: %j',
    async (says) => {
      const client = await open(says, format);
      const { choices } = await client.chat.completions.create({ ...asked, response_format, seed: 2 });
      const { content, tool_calls: calls } = choices[0]?.message ?? {};
      expect(content ?? '').not.toContain(says);
      expect(JSON.stringify(calls ?? [])).not.toContain('Oslo');
    },
  );
});

describe('a call that is forced', () => {
  const read = (call: OpenAI.ChatCompletionMessageToolCall | undefined) =>
    call?.type === 'function' ? [call.function.name, JSON.parse(call.function.arguments)] : [];
  const ARGUMENTS = { city: expect.stringMatching(/^(Paris|Rome)$/), days: expect.any(Number) };

  it('comes from any model, with arguments of its schema', async () => {
    const client = await open();
    const tool_choice = { type: 'function' as const, function: { name: 'weather' } };
    for (const seed of [1, 2, 3]) {
      const { choices } = await client.chat.completions.create({ ...asked, seed, tool_choice });
      expect(choices[0]?.finish_reason).toBe('tool_calls');
      expect(choices[0]?.message.tool_calls?.map(read)).toEqual([['weather', ARGUMENTS]]);
    }
  });

  it('is of any tool, and streamed', async () => {
    const client = await open();
    const stream = client.chat.completions.stream({ ...asked, seed: 4, tool_choice: 'required' });
    const { choices } = await stream.finalChatCompletion();
    const [name, given] = read(choices[0]?.message.tool_calls?.[0]);
    expect([
      ['weather', ARGUMENTS],
      ['clock', {}],
    ]).toContainEqual([name, given]);
  });
});

describe('a conversation with calls', () => {
  it('goes on with what the tools answered', async () => {
    const client = await open();
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      ...asked.messages,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'clock', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'noon' },
    ];
    const { usage } = await client.chat.completions.create({ ...asked, messages, max_tokens: 3 });
    const { usage: before } = await client.chat.completions.create({ ...asked, max_tokens: 3 });
    expect(usage?.prompt_tokens).toBeGreaterThan((before?.prompt_tokens ?? 0) + 'clock'.length + 'noon'.length);
  });
});

describe("Ollama's API", () => {
  const chat = async (body: object): Promise<Response> =>
    fixture.post('/api/chat', { model: 'fake', messages: asked.messages, options: { num_predict: 300 }, ...body });
  const lines = async (response: Response) =>
    (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { message: { content: string; thinking?: string; tool_calls?: object[] } });

  it('shows calls as objects, each once it is whole', async () => {
    await open(CALLS.hermes);
    const called = [
      { function: { name: 'weather', arguments: { city: 'Rome' } } },
      { function: { name: 'clock', arguments: {} } },
    ];
    const whole = (await (await chat({ tools, stream: false })).json()) as object;
    expect(whole).toMatchObject({ message: { content: 'I look.', tool_calls: called }, done_reason: 'stop' });
    const streamed = await lines(await chat({ tools }));
    expect(streamed.flatMap(({ message }) => message.tool_calls ?? [])).toEqual(called);
    expect(streamed.map(({ message }) => message.content).join('')).toBe('I look.');
  });

  it('shows what a model thinks apart, for chats and prompts, and nothing of it where the prompt is raw', async () => {
    await open('Hm, hm.\n</think>\n\nYes.', { calls: 'hermes', reasoning: 'opened', marks: 'think' });
    const message = { role: 'assistant', content: 'Yes.', thinking: 'Hm, hm.' };
    expect(await (await chat({ stream: false, think: true })).json()).toMatchObject({ message });
    const streamed = await lines(await chat({}));
    expect(streamed.map((line) => line.message.thinking ?? '').join('')).toBe('Hm, hm.');
    const prompt = { model: 'fake', prompt: 'Hi', stream: false };
    const generated = await (await fixture.post('/api/generate', prompt)).json();
    expect(generated).toMatchObject({ response: 'Yes.', thinking: 'Hm, hm.' });
    const raw = { ...prompt, prompt: 'assistant:', raw: true };
    expect(await (await fixture.post('/api/generate', raw)).json()).toMatchObject({
      response: 'Hm, hm.\n</think>\n\nYes.',
    });
  });

  it.each([
    [{ calls: 'hermes', reasoning: 'none', marks: 'think' }, true, 400, null],
    [{ calls: 'hermes', reasoning: 'none', marks: 'think' }, false, 200, null],
    [{ calls: 'hermes', reasoning: 'marked', marks: 'think' }, 'high', 200, 'think'],
    [{ calls: 'hermes', reasoning: 'marked', marks: 'think' }, false, 200, 'think'],
    [{ calls: 'harmony', reasoning: 'none', marks: 'think' }, true, 200, null],
    // Gemma 4 thinks in a channel, and not between the marks of most models.
    [{ calls: 'gemma', reasoning: 'marked', marks: 'channel' }, true, 200, null],
    [{ calls: 'hermes', reasoning: 'marked', marks: 'think' }, 'deeply', 400, null],
  ] as const)('with a model of %j and think %j answers %i', async (format, think, status, ignored) => {
    await open('Yes.', format);
    const response = await chat({ think, stream: false });
    expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([status, ignored]);
  });

  it('pairs answers of tools with calls by id, by name, or in their order', async () => {
    await open('Yes.');
    const call = (name: string, id?: string) => ({ ...(id && { id }), function: { name, arguments: { a: 1 } } });
    const { receipt } = await readReceipt([
      { role: 'assistant', content: '', tool_calls: [call('f'), call('g'), call('h', 'mine')] },
      { role: 'tool', tool_name: 'g', content: 'of g' },
      { role: 'tool', tool_call_id: 'mine', content: 'of h' },
      { role: 'tool', content: 'of f' },
    ]);
    expect(receipt.slice(1)).toEqual([
      { role: 'tool', content: 'of g', tool_call_id: 'call_0_1' },
      { role: 'tool', content: 'of h', tool_call_id: 'mine' },
      { role: 'tool', content: 'of f', tool_call_id: 'call_0_0' },
    ]);
  });

  /** The messages as they were served. */
  async function readReceipt(messages: readonly object[]): Promise<{ receipt: readonly object[] }> {
    const response = await chat({ messages, stream: false });
    const path = response.headers.get('x-ogong-receipt') ?? '';
    const { request } = (await (await fetch(fixture.base + path)).json()) as { request: string };
    return { receipt: JSON.parse(Buffer.from(request, 'base64').toString()).messages };
  }
});
