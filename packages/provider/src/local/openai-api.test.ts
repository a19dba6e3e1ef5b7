import type { TextEngine } from '@ogong/engine/interface/text';
import { createRequest } from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

let fixture: LocalFixture;
let client: OpenAI;
beforeAll(async () => {
  fixture = await createLocalFixture({
    models: [
      shelve('fake'),
      shelve('coder'),
      shelve('thinker'),
      shelve('strict'),
      shelve('set', {
        reference: 'file:/fake',
        defaults: { from: 'fake', parameters: { seed: 5, temperature: 0.5, num_predict: 3, num_ctx: 64, top_k: -1 } },
      }),
      shelve('owner/assistant', { reference: 'file:/fake', defaults: { from: 'fake', system: 'You are Mario.' } }),
    ],
    open: (reference) =>
      createFakeEngine({
        ...{ contextSize: 512, fills: reference.includes('coder'), refusesMessages: reference.includes('strict') },
        ...(reference.includes('thinker') && { thinking: THINKING, says: 'Hm.</think>Yes.' }),
      }),
  });
  client = new OpenAI({ baseURL: `${fixture.base}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => fixture.close());

/** A template that opens the reasoning if it is wanted, and takes no notice of levels. */
const THINKING = {
  ...{ readsWanted: true, readsEffort: false, readsReasoning: true },
  formats: {
    yes: { calls: 'hermes', reasoning: 'opened', marks: 'think' },
    no: { calls: 'hermes', reasoning: 'none', marks: 'think' },
  },
} as const;

const base = { model: 'fake', max_tokens: 4, seed: 2 };
const messages = [{ role: 'user' as const, content: 'Once' }];

describe('completions of several prompts', () => {
  it('are those of each alone, in order', async () => {
    const both = await client.completions.create({ ...base, prompt: ['one', 'another'], n: 2 });
    const one = await client.completions.create({ ...base, prompt: 'one', n: 2 });
    const another = await client.completions.create({ ...base, prompt: ['another'], n: 2 });
    const texts = (answer: typeof one) => answer.choices.map(({ text }) => text);
    expect(texts(both)).toEqual([...texts(one), ...texts(another)]);
    expect(both.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    const sum = (key: 'prompt_tokens' | 'completion_tokens') => (one.usage?.[key] ?? 0) + (another.usage?.[key] ?? 0);
    expect(both.usage).toMatchObject({
      prompt_tokens: sum('prompt_tokens'),
      completion_tokens: sum('completion_tokens'),
    });
  });

  it('stream as they are whole', async () => {
    const asked = { ...base, prompt: ['one', 'another'], echo: true };
    const whole = await client.completions.create(asked);
    const texts = ['', ''];
    for await (const { choices } of await client.completions.create({ ...asked, stream: true }))
      for (const { index, text } of choices) texts[index] += text;
    expect(texts).toEqual(whole.choices.map(({ text }) => text));
    expect(texts[0]).toMatch(/^one/);
    expect(texts[1]).toMatch(/^another/);
  });

  it('may be tokens', async () => {
    const asText = await client.completions.create({ ...base, prompt: 'AB', echo: true });
    const count = asText.usage?.prompt_tokens;
    const tokens = [...(await tokensOf('AB'))];
    expect(tokens).toHaveLength(count ?? 0);
    const asTokens = await client.completions.create({ ...base, prompt: tokens, echo: true });
    const two = await client.completions.create({ ...base, prompt: [tokens, tokens], echo: true });
    for (const text of [asTokens, two].flatMap(({ choices }) => choices.map(({ text }) => text)))
      expect(text).toBe(asText.choices[0]?.text);
  });

  it.each([
    ['prompt', { prompt: Array.from({ length: 17 }, () => 'x') }],
    ['prompt', { prompt: ['x', 'y', 'z'], n: 6 }],
    ['prompt', { prompt: [] }],
    ['prompt', { prompt: ['x', 7] }],
    ['prompt', {}],
    ['echo', { prompt: 'x', echo: 'yes' }],
    ['prompt', { prompt: [[5], []] }],
    ['prompt', { prompt: [320] }],
    ['suffix', { prompt: [5], suffix: 'end' }],
    ['best_of', { prompt: 'x', best_of: 2 }],
  ])('refuse and name %s: %j', async (param, fields) => {
    const response = await fixture.post('/v1/completions', { ...base, ...fields });
    expect([response.status, ((await response.json()) as { error: { param: string } }).error.param]).toEqual([
      400,
      param,
    ]);
  });
});

describe('a completion that another text follows', () => {
  it('is written between both, and can be checked', async () => {
    const asked = { ...base, model: 'coder', prompt: 'One', suffix: 'three' };
    const [between, after] = await Promise.all([
      client.completions.create(asked),
      client.completions.create({ ...asked, suffix: '' }),
    ]);
    expect(between.usage?.prompt_tokens).toBe((after.usage?.prompt_tokens ?? 0) + 'three'.length + 3);
    expect(between.choices[0]?.text).not.toBe(after.choices[0]?.text);
    expect(between).toMatchObject({ ogong: { receipts: [{ url: expect.any(String) }] } });
    const shown = await client.completions.create({ ...asked, echo: true });
    expect(shown.choices[0]?.text).toBe(`One${between.choices[0]?.text}`);
  });

  it('is refused where the model knows no such prompts, and says what it lacks', async () => {
    const response = await fixture.post('/v1/completions', { ...base, prompt: 'One', suffix: 'three' });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('fim_pre_token_id')]);
  });
});

describe('an echo', () => {
  it('has the log-probabilities of the prompt, as the model gives them to its own words', async () => {
    const asked = { ...base, prompt: 'AB', logprobs: 3 };
    const { choices } = await client.completions.create(asked);
    const said = choices[0]?.logprobs;
    const whole = [...(await tokensOf('AB'))];
    const echoed = (await client.completions.create({ ...asked, echo: true })).choices[0];
    expect(echoed?.text).toBe(`AB${choices[0]?.text}`);
    expect(echoed?.logprobs?.tokens).toHaveLength(whole.length + 4);
    expect(echoed?.logprobs?.token_logprobs?.[0]).toBeNull();
    expect(echoed?.logprobs?.top_logprobs?.[0]).toBeNull();
    expect(echoed?.logprobs?.token_logprobs?.slice(whole.length)).toEqual(said?.token_logprobs);
    expect(Object.keys(echoed?.logprobs?.top_logprobs?.[1] ?? {})).not.toHaveLength(0);
  });

  it('gives each word of the model the log-probability that it was written with', async () => {
    const { engine, release } = await fixture.loaded.borrow({ reference: 'file:/fake' });
    const { prompt, tokens, logprobs } = await writeTokens(engine as TextEngine);
    release();
    const asked = { model: 'fake', prompt: [...prompt, ...tokens], echo: true, logprobs: 0, max_tokens: 0 };
    const { choices } = await client.completions.create(asked);
    expect(choices[0]?.logprobs?.token_logprobs?.slice(prompt.length)).toEqual(logprobs);
  });

  it('may be all that is asked for', async () => {
    const asked = { model: 'fake', prompt: ['One', 'Two'], echo: true, max_tokens: 0 };
    const response = await fixture.post('/v1/completions', asked);
    const { choices, usage } = (await response.json()) as OpenAI.Completion;
    expect(choices.map(({ text, finish_reason }) => [text, finish_reason])).toEqual([
      ['One', 'length'],
      ['Two', 'length'],
    ]);
    expect(usage).toMatchObject({ completion_tokens: 0, prompt_tokens: 8 });
    expect(response.headers.get('x-ogong-receipt')).toBeNull();
    const streamed = await (await fixture.post('/v1/completions', { ...asked, stream: true })).text();
    expect(streamed).toContain('"text":"Two"');
  });

  it('is shown only where the prompt can be answered', async () => {
    const asked = { ...base, prompt: 'x'.repeat(600), echo: true };
    for (const more of [{}, { stream: true }, { logprobs: 1 }, { logprobs: 1, max_tokens: 0 }])
      expect((await fixture.post('/v1/completions', { ...asked, ...more })).status).toBe(400);
  });
});

async function tokensOf(text: string): Promise<Uint32Array> {
  const { engine, release } = await fixture.loaded.borrow({ reference: 'file:/fake' });
  if (engine.specificationVersion !== 'text-v1') throw new Error('a text engine is expected');
  const tokens = await engine.tokenizePrompt({ kind: 'text', text });
  release();
  return tokens;
}

/** Collects an engine's tokens with their log-probabilities. */
async function writeTokens(engine: TextEngine) {
  const prompt = await engine.tokenizePrompt({ kind: 'text', text: 'AB' });
  const logprobs: number[] = [];
  let tokens = new Uint32Array();
  const wishes = { ...createRequest('', { maxTokens: 6 }), prompt: { kind: 'tokens', tokens: prompt } } as const;
  for await (const event of engine.generate(wishes)) {
    if (event.kind === 'token') logprobs.push(event.token.logprob);
    if (event.kind === 'end') tokens = new Uint32Array(event.outputTokens);
  }
  return { prompt, tokens, logprobs };
}

describe('requests of clients made for other servers', () => {
  it('is left out where it is a hint, and named', async () => {
    const hints = { reasoning_effort: 'low', verbosity: 'low', models: ['a'], provider: { sort: 'price' } };
    for (const stream of [false, true]) {
      const response = await fixture.post('/v1/chat/completions', { ...base, messages, ...hints, stream });
      expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([
        200,
        'verbosity, models, provider.sort, reasoning_effort',
      ]);
      await response.text();
    }
  });

  it.each([
    ['/v1/chat/completions', {}],
    ['/v1/messages', { max_tokens: 4 }],
    ['/api/chat', { stream: false }],
  ])("is answered at %s with a note, if the model's template refuses its messages", async (path, limits) => {
    const ask = async (model: string) => {
      const response = await fixture.post(path, { model, messages, ...limits });
      await response.text();
      return [response.status, response.headers.get('x-ogong-ignored')];
    };
    expect(await ask('strict')).toEqual([200, 'chat_template']);
    expect(await ask('fake')).toEqual([200, null]);
  });

  it('is taken where it asks for nothing', async () => {
    const nothing = { tool_choice: 'none', tools: [], repetition_penalty: 1, chat_template_kwargs: {}, top_k: -1 };
    const response = await fixture.post('/v1/chat/completions', { ...base, messages, ...nothing });
    expect([response.status, response.headers.get('x-ogong-ignored')]).toEqual([200, null]);
  });

  it('has usage in its stream where OpenRouter asks for it', async () => {
    const body = { ...base, messages, stream: true, usage: { include: true } };
    const text = await (await fixture.post('/v1/chat/completions', body)).text();
    expect(text).toContain('"completion_tokens":4');
  });

  it.each([
    ['repetition_penalty', 2.5],
    ['repeat_last_n', -2],
    ['chat_template_kwargs.system', { system: 'no' }],
    ['guided_regex', 'a'],
    ['echo', true],
    ['suffix', 'x'],
    ['max_tokens', 0],
    ['prompt', 'x'],
  ])('is refused where it would change the answer: %s', async (param, value) => {
    const [field] = param.split('.') as [string];
    const response = await fixture.post('/v1/chat/completions', { ...base, messages, [field]: value });
    expect([response.status, ((await response.json()) as { error: { param: string } }).error.param]).toEqual([
      400,
      param,
    ]);
  });
});

describe('a wish about thinking', () => {
  const ask = async (model: string, fields: object) => {
    const response = await fixture.post('/v1/chat/completions', {
      ...base,
      max_tokens: 40,
      model,
      messages,
      ...fields,
    });
    const { choices, usage } = (await response.json()) as OpenAI.ChatCompletion;
    const message = choices[0]?.message as { content: string; reasoning_content?: string } | undefined;
    return { message, usage, ignored: response.headers.get('x-ogong-ignored') };
  };

  it.each([
    { chat_template_kwargs: { enable_thinking: true } },
    { reasoning_effort: 'low' },
    { enable_thinking: true },
  ])('changes the prompt, and how the answer is read: %j', async (fields) => {
    const [plain, thought] = await Promise.all([ask('thinker', {}), ask('thinker', fields)]);
    expect(plain.message?.content).toBe('Hm.</think>Yes.');
    expect(thought.message).toMatchObject({ content: 'Yes.', reasoning_content: 'Hm.' });
    expect(thought.usage?.prompt_tokens).toBeGreaterThan(plain.usage?.prompt_tokens ?? 0);
    expect(thought.ignored).toBe('reasoning_effort' in fields ? 'reasoning_effort' : null);
  });

  it('is named where the model does otherwise', async () => {
    expect((await ask('thinker', { reasoning: { effort: 'none' } })).ignored).toBeNull();
    expect((await ask('fake', { chat_template_kwargs: { enable_thinking: false } })).ignored).toBeNull();
    expect((await ask('fake', { thinking: { type: 'enabled' } })).ignored).toBe('thinking.type');
    expect((await ask('fake', { reasoning_effort: 'high' })).ignored).toBe('reasoning_effort');
  });
});

it('names the reasoning of earlier answers that a template does not write', async () => {
  const history = [...messages, { role: 'assistant', content: 'Yes.', reasoning_content: 'Hm.' }, ...messages];
  const ask = async (model: string, asked: object) => {
    const response = await fixture.post('/v1/chat/completions', { ...base, model, ...asked });
    return [response.status, response.headers.get('x-ogong-ignored')];
  };
  expect(await ask('fake', { messages: history })).toEqual([200, 'messages[1].reasoning_content']);
  expect(await ask('thinker', { messages: history })).toEqual([200, null]);
  expect(await ask('fake', { messages })).toEqual([200, null]);
});

describe('max_tokens', () => {
  it.each([513, 131_073, 10_000_000])('of %d comes down to the context, and the answer says so', async (max_tokens) => {
    const response = await fixture.post('/v1/completions', { model: 'fake', prompt: 'x', seed: 1, max_tokens });
    expect(response.headers.get('x-ogong-clamped')).toBe('max_tokens=512');
    const { choices, usage } = (await response.json()) as OpenAI.Completion;
    expect([choices[0]?.finish_reason, (usage?.total_tokens ?? 0) <= 512]).toEqual(['length', true]);
  });

  it('is the context where none is named, as with Ollama', async () => {
    const response = await fixture.post('/v1/completions', { model: 'fake', prompt: 'x', seed: 1 });
    expect(response.headers.get('x-ogong-clamped')).toBeNull();
    expect(((await response.json()) as OpenAI.Completion).usage?.completion_tokens).toBeGreaterThan(256);
  });

  it.each([-1, 1.5, '5'])('of %j is refused', async (max_tokens) => {
    expect((await fixture.post('/v1/completions', { model: 'fake', prompt: 'x', max_tokens })).status).toBe(400);
  });
});

it('names the model as the client did, and begins with what a made model was given', async () => {
  const made = await client.chat.completions.create({ ...base, model: 'owner/assistant:latest', messages });
  const told = [{ role: 'system' as const, content: 'You are Mario.' }, ...messages];
  const spelt = await client.chat.completions.create({ ...base, messages: told });
  expect(made.model).toBe('owner/assistant:latest');
  expect(made.choices[0]?.message.content).toBe(spelt.choices[0]?.message.content);
});

it('begins with the settings that a made model was given, unless the request has its own', async () => {
  const ask = async (model: string, more: object) => {
    const answer = (await (
      await fixture.post('/v1/completions', { model, prompt: 'Once', ...more })
    ).json()) as OpenAI.Completion;
    return [answer.choices[0]?.text, answer.usage?.completion_tokens];
  };
  expect(await ask('set', {})).toEqual(await ask('fake', { seed: 5, temperature: 0.5, max_tokens: 3 }));
  expect((await ask('set', {}))[1]).toBe(3);
  expect(await ask('set', { seed: 6, max_tokens: 4 })).toEqual(
    await ask('fake', { seed: 6, temperature: 0.5, max_tokens: 4 }),
  );
  const response = await fixture.post('/v1/completions', { model: 'set', prompt: 'Once', max_tokens: 100 });
  expect(response.headers.get('x-ogong-clamped')).toBe('max_tokens=64');
});

it('shows one model', async () => {
  expect(await client.models.retrieve('owner/assistant')).toMatchObject({ id: 'owner/assistant', object: 'model' });
  await expect(client.models.retrieve('other')).rejects.toMatchObject({ status: 404 });
});
