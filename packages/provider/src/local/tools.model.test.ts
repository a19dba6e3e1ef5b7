import { fileURLToPath } from 'node:url';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import OpenAI from 'openai';
import { expect, it } from 'vitest';
import { createLocalFixture } from './local-fixture.ts';

const modelPath = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

const parameters = {
  type: 'object',
  properties: { city: { enum: ['Paris', 'Rome'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['city', 'days'],
};
const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }];
const messages = [{ role: 'user' as const, content: 'How is the weather in Rome?' }];

it('has a model that never saw a tool call one, where a call is forced', async () => {
  const engine = await createLlamaEngine({ modelPath, contextSize: 1024, threads: 1, sequences: 1 });
  const fixture = await createLocalFixture({ open: () => engine });
  try {
    const client = new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
    const asked = { model: 'fake', messages, tools, tool_choice: 'required' as const, seed: 7, max_tokens: 128 };
    const whole = await client.chat.completions.create(asked);
    const streamed = await client.chat.completions.stream({ ...asked, stream: true }).finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe('tool_calls');
      const [call] = choices[0]?.message.tool_calls ?? [];
      const { name, arguments: given } = call?.type === 'function' ? call.function : { name: '', arguments: '' };
      expect(name).toBe('weather');
      expect(JSON.parse(given)).toEqual({
        city: expect.stringMatching(/^(Paris|Rome)$/),
        days: expect.toBeOneOf([1, 2, 3, 4, 5, 6, 7, 8, 9]),
      });
    }
    const [call] = whole.choices[0]?.message.tool_calls ?? [];
    expect(streamed.choices[0]?.message.tool_calls).toMatchObject([{ ...call, id: expect.any(String) }]);
  } finally {
    await fixture.close();
    await engine.close();
  }
});

it('has it call one or write JSON of a schema, where both are asked for, in the words of each API', async () => {
  const engine = await createLlamaEngine({ modelPath, contextSize: 2560, threads: 1, sequences: 1 });
  const fixture = await createLocalFixture({ open: () => engine });
  const schema = { type: 'object', properties: { sky: { enum: ['blue', 'grey'] } }, required: ['sky'] };
  const SKY = /^\{\s*"sky":\s*"(blue|grey)"\s*\}$/;
  const GIVEN = { city: expect.stringMatching(/^(Paris|Rome)$/), days: expect.any(Number) };
  const post = async (path: string, body: object): Promise<Record<string, never>> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${fixture.base}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Record<string, never>;
  };
  const expectEither = (text: string, calls: readonly object[]): void => {
    if (calls.length === 0) expect(text).toMatch(SKY);
    else expect([text, ...calls]).toEqual(['', ...calls.map(() => ({ name: 'weather', given: GIVEN }))]);
  };
  /** More than sixteen calls have bytes, so that no answer is cut. */
  const LIMIT = 1600;
  try {
    const client = new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
    const response_format = { type: 'json_schema' as const, json_schema: { name: 'sky', schema } };
    const asked = { model: 'fake', messages, tools, response_format, seed: 7, max_tokens: 128 };
    // The first token decides between the two, so a bias on it reaches each.
    for (const [mark, finish] of [
      ['<', 'tool_calls'],
      ['{', 'stop'],
    ] as const) {
      const token = (await engine.tokenizePrompt({ kind: 'text', text: `a${mark}` })).at(-1);
      const bias = { logit_bias: { [String(token)]: 100 }, parallel_tool_calls: false };
      const { choices } = await client.chat.completions.create({ ...asked, ...bias });
      expect(choices[0]?.finish_reason).toBe(finish);
      const calls = (choices[0]?.message.tool_calls ?? []).map((call) =>
        call.type === 'function'
          ? { name: call.function.name, given: JSON.parse(call.function.arguments) as object }
          : {},
      );
      expectEither(choices[0]?.message.content ?? '', calls);
      expect(calls).toHaveLength(mark === '<' ? 1 : 0);
    }
    const shared = { model: 'fake', messages, stream: false };
    const ollama = await post('/api/chat', { ...shared, tools, format: schema, options: { num_predict: LIMIT } });
    const { content, tool_calls: called = [] } = ollama.message as unknown as {
      readonly content: string;
      readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: object } }[];
    };
    const given = called.map((call) => ({ name: call.function.name, given: call.function.arguments }));
    expectEither(content, given);
    const anthropic = await post('/v1/messages', {
      ...{ ...shared, max_tokens: LIMIT, output_config: { format: { type: 'json_schema', schema } } },
      tools: [{ name: 'weather', input_schema: parameters }],
    });
    const blocks = anthropic.content as unknown as readonly {
      readonly type: string;
      readonly text?: string;
      readonly name?: string;
      readonly input?: object;
    }[];
    expectEither(
      blocks.map(({ text = '' }) => text).join(''),
      blocks.flatMap(({ type, name, input }) => (type === 'tool_use' ? [{ name, given: input }] : [])),
    );
  } finally {
    await fixture.close();
    await engine.close();
  }
});
