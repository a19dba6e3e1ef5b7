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
}, 60_000);
