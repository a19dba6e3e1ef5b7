import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../base/bytes.ts';
import { MAX_REQUEST_BYTES } from '../../../exchange/limits.ts';
import { RequestError } from '../../shared/request-error.ts';
import { DEFAULT_MAX_TOKENS, parsePricedRequest, parseRequest } from './request.ts';

const base = { model: 'ogong/verified/test/m', messages: [{ role: 'user', content: 'hi' }] };
const part = { type: 'text', text: 'x' };
const chat = (extra: object = {}) => parseRequest(utf8Encode(JSON.stringify({ ...base, ...extra })), 'chat');
const complete = (extra: object) => parseRequest(utf8Encode(JSON.stringify({ model: 'm', ...extra })), 'completion');

const tool = (name: string, more: object = {}) => ({ type: 'function', function: { name, ...more } });
const call = (given: string) => ({ id: 'a', type: 'function', function: { name: 'f', arguments: given } });
/** Creates a list of so many texts, nested so deep. */
const nest = (depth: number, count: number): unknown =>
  depth === 0 ? Array(count).fill('x') : [nest(depth - 1, count)];

function refusal(run: () => unknown): RequestError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    return error as RequestError;
  }
  throw new Error('not refused');
}

describe('parseRequest', () => {
  it('has the defaults of OpenAI', () => {
    expect(chat()).toMatchObject({
      sampler: { temperatureQ16: 65536, topK: 0, topPQ24: 2 ** 24, minPQ24: 0 },
      maxTokens: 256,
      choices: 1,
      stream: false,
      seed: undefined,
      stop: [],
    });
  });

  it('converts floats to the committed integers', () => {
    const { sampler, bias } = chat({
      temperature: 0.7,
      top_p: 0.9,
      presence_penalty: -0.25,
      frequency_penalty: 1.1,
      logit_bias: { 50: -3.3, 7: 2 },
    });
    expect(sampler).toMatchObject({
      temperatureQ16: 45875,
      topPQ24: 15099494,
      presencePenaltyQ16: -16384,
      frequencyPenaltyQ16: 72090,
    });
    expect(bias).toEqual([
      { id: 7, biasQ16: 131072 },
      { id: 50, biasQ16: -216269 },
    ]);
  });

  it('reads one repetition penalty from the fields of vLLM and of llama.cpp', () => {
    const read = (fields: object): readonly number[] => {
      const { repetitionPenaltyQ16, repetitionWindow } = chat({ ...fields }).sampler;
      return [repetitionPenaltyQ16, repetitionWindow];
    };
    const off = [65536, 0];
    expect([read({}), read({ repetition_penalty: 1 }), read({ repeat_last_n: 5 })]).toEqual([off, off, off]);
    expect(read({ repeat_penalty: 1.1, repeat_last_n: 0 })).toEqual(off);
    expect(read({ repetition_penalty: 1.1 })).toEqual([72090, 0]);
    expect(read({ repetition_penalty: 1.1, repeat_penalty: 1, repeat_last_n: 32 })).toEqual([72090, 32]);
    expect(read({ repeat_penalty: 1.1 })).toEqual([72090, 64]);
    expect(read({ repeat_penalty: 0.01, repeat_last_n: -1 })).toEqual([655, 0]);
    expect(read({ repeat_penalty: 2, repeat_last_n: 300 })).toEqual([131072, 300]);
  });

  it('reads content parts, stop forms, seeds and completions', () => {
    const parts = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ];
    expect(chat({ messages: [{ role: 'developer', content: parts }] }).messages).toEqual([
      { role: 'system', content: 'ab' },
    ]);
    expect(chat({ stop: 'x', seed: -5, max_completion_tokens: 3 })).toMatchObject({
      stop: ['x'],
      seed: -5n,
      maxTokens: 3,
    });
    expect(complete({ prompt: ['once'], logprobs: 3 })).toMatchObject({
      prompt: { kind: 'text', text: 'once' },
      logprobs: true,
      topLogprobs: 3,
    });
  });

  it('parses prompts of tokens, and texts with a suffix', () => {
    const tokens = { kind: 'tokens', tokens: Uint32Array.of(1, 2) };
    expect(complete({ prompt: [1, 2] })).toMatchObject({ prompt: tokens, promptTokenBound: 2 + 64 });
    expect(complete({ prompt: [[1, 2]], suffix: '' }).prompt).toEqual(tokens);
    const fill = complete({ prompt: 'a', suffix: 'bc', echo: true });
    const prompt = { kind: 'fill', prefix: 'a', suffix: 'bc' };
    expect(fill).toMatchObject({ prompt, promptTokenBound: 3 + 64, echo: true });
  });

  it.each([
    ['prompt', { prompt: [] }],
    ['prompt', { prompt: [2 ** 24] }],
    ['prompt', { prompt: [-1] }],
    ['prompt', { prompt: [1.5] }],
    ['prompt', { prompt: [1, 'a'] }],
    ['suffix', { prompt: [1], suffix: 'x' }],
    ['suffix', { prompt: 'x', suffix: '\ud83d' }],
    ['suffix', { prompt: 'x', suffix: 1 }],
    ['echo', { prompt: 'x', echo: 1 }],
  ])('refuses a completion by %s: %j', (param, fields) => {
    expect(refusal(() => complete(fields))).toMatchObject({ param });
  });

  it('ignores fields without effect on the answer, and treats null as absent', () => {
    expect(
      chat({ user: 'u', metadata: { a: 1 }, store: true, temperature: null, stop: null, tools: [] }),
    ).toBeDefined();
  });

  it.each([
    ['only', { only: ['a'] }, 'ogong.providers.only'],
    ['ignore', { ignore: ['a'] }, 'ogong.providers.ignore'],
    ['max_price', { max_price: { prompt: 1 } }, 'ogong.max_price'],
  ])('names our field in place of provider.%s', (_key, provider, field) => {
    expect(() => chat({ provider })).toThrow(field);
  });

  it('leaves out hints and names them', () => {
    const hints = { include_reasoning: true, verbosity: 'low', models: ['a/b'], route: 'fallback', transforms: [] };
    const routing = { order: ['a'], sort: 'price', allow_fallbacks: false, require_parameters: true };
    expect(chat({ ...hints, provider: routing }).dropped).toEqual([
      ...Object.keys(hints),
      ...['order', 'sort', 'allow_fallbacks'].map((key) => `provider.${key}`),
    ]);
    expect(chat({ user: 'u', metadata: {}, reasoning_effort: null }).dropped).toEqual([]);
    expect(complete({ prompt: 'x', reasoning_effort: 'low' })).toMatchObject({ dropped: ['reasoning_effort'] });
  });

  it('accepts neutral values, as client libraries send them', () => {
    const nothing = { tool_choice: 'none', function_call: 'auto', best_of: 1, suffix: '', echo: false, top_a: 0 };
    const ofVllm = { length_penalty: 1, ignore_eos: false, stop_token_ids: [], top_k: -1 };
    const { sampler, dropped } = chat({ ...nothing, ...ofVllm, skip_special_tokens: true, chat_template_kwargs: {} });
    expect([sampler.topK, dropped]).toEqual([0, []]);
  });

  it('reads both ways to request usage', () => {
    expect(chat({ stream: true, usage: { include: true } }).includeUsage).toBe(true);
    expect(chat({ stream: true, usage: { include: false } }).includeUsage).toBe(false);
    expect(chat({ usage: { include: true } }).includeUsage).toBe(false);
  });

  it('accepts an assistant message as it was sent, and empty lists of tools', () => {
    const answer = { role: 'assistant', content: 'x', refusal: null, annotations: [], tool_calls: null, audio: null };
    expect(chat({ messages: [answer], functions: [] }).messages).toEqual([{ role: 'assistant', content: 'x' }]);
    const named = { role: 'user', content: [{ type: 'text', text: 'x' }], name: 'n', tool_calls: [] };
    expect(chat({ messages: [named], response_format: { type: 'text' } }).messages[0]?.content).toBe('x');
  });

  it('reads limit and format of a completion under the names of a chat, and refuses messages', () => {
    const { maxTokens, grammar } = complete({
      ...{ prompt: 'x', max_tokens: 5, max_completion_tokens: 3, response_format: { type: 'json_object' } },
    });
    expect([maxTokens, grammar?.startsWith('root')]).toEqual([3, true]);
    expect(refusal(() => complete({ prompt: 'x', messages: base.messages })).param).toBe('messages');
    expect(refusal(() => complete({ prompt: 'x', modalities: ['audio'] })).param).toBe('modalities');
    expect(complete({ prompt: 'x', modalities: ['text'], top_logprobs: 2 }).dropped).toEqual(['top_logprobs']);
  });

  it('reads any limit above the largest one of the protocol as that one, and keeps the wanted one', () => {
    for (const wanted of [131_072, 131_073, 1e9, Number.MAX_SAFE_INTEGER]) {
      expect(chat({ max_tokens: wanted })).toMatchObject({ maxTokens: 131_072, wantedTokens: wanted });
    }
    expect(refusal(() => chat({ max_tokens: 1e300 })).param).toBe('max_tokens');
  });

  it.each([
    ['telepathy', { telepathy: true }],
    ['*', { '*': true }],
    ['provider.mood', { provider: { mood: 'good' } }],
    ['usage.x', { usage: { x: 1 } }],
    ['stream_options.pace', { stream: true, stream_options: { pace: 1 } }],
    ['response_format.x', { response_format: { type: 'text', x: 1 } }],
    ['reasoning.x', { reasoning: { x: 1 } }],
    ['messages[0].mood', { messages: [{ role: 'user', content: 'x', mood: 'good' }] }],
    ['messages[0].reasoning_content', { messages: [{ role: 'user', content: 'x', reasoning_content: 'y' }] }],
    ['messages[0].tool_call_id', { messages: [{ role: 'user', content: 'x', tool_call_id: 'a' }] }],
    [
      'messages[0].content[0].cache_control',
      { messages: [{ role: 'user', content: [{ ...part, cache_control: {} }] }] },
    ],
    ['tools[0].cache_control', { tools: [{ ...tool('f'), cache_control: {} }] }],
    ['tools[0].function.mood', { tools: [tool('f', { mood: 'good' })] }],
    ['tools[1]', { tools: [tool('f'), { type: 'custom', custom: { name: 'g' } }] }],
    ['tools[0]', { tools: [{ type: 'web_search' }] }],
    ['a'.repeat(100), { ['a'.repeat(10_000)]: 1 }],
  ])('drops and names %s, which no table names', (param, extra) => {
    expect(chat(extra).dropped).toEqual([param]);
  });

  it('offers only functions, and no tool that another server would run', () => {
    const tools = [{ type: 'web_search' }, tool('f'), { type: 'custom', custom: { name: 'g' } }];
    expect(chat({ tools }).tools.map(({ name }) => name)).toEqual(['f']);
    expect(refusal(() => chat({ tools: [tools[0]], tool_choice: 'required' })).param).toBe('tool_choice');
  });

  it.each([
    ['ogong.mood', { ogong: { mood: 'good' } }],
    ['ogong.providers.mood', { ogong: { providers: { mood: 'good' } } }],
    ['structured_outputs.mood', { structured_outputs: { mood: 'good' } }],
    ['chat_template_kwargs.mood', { chat_template_kwargs: { mood: 'good' } }],
    ['messages[0].prefix', { messages: [{ role: 'assistant', content: 'x', prefix: true }] }],
    ['json_schema', { json_schema: { type: 'object' } }],
    ['mirostat', { mirostat: 2 }],
  ])('refuses %s, which would change the answer', (param, extra) => {
    expect(refusal(() => chat(extra)).param).toBe(param);
  });

  it('refuses a body that is nested too deep for some parsers', () => {
    const nested = (depth: number) =>
      utf8Encode(`{"model":"m","prompt":"x","metadata":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`);
    expect(parseRequest(nested(64), 'completion').prompt).toEqual({ kind: 'text', text: 'x' });
    expect(refusal(() => parseRequest(nested(65), 'completion')).message).toMatch(/deeper than 64/);
  });

  it('reads the prompt cache key', () => {
    expect(chat({ prompt_cache_key: 'x'.repeat(256) }).promptCacheKey).toBe('x'.repeat(256));
    expect(chat({ prompt_cache_key: null }).promptCacheKey).toBeUndefined();
  });

  it.each([
    ['model', { model: 5 }],
    ['model', { model: '' }],
    ['messages', { messages: [] }],
    ['messages', { messages: 'hi' }],
    ['messages[0].role', { messages: [{ role: 'wizard', content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content[0].image_url', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
    ['temperature', { temperature: 2.1 }],
    ['temperature', { temperature: '1' }],
    ['top_p', { top_p: -0.1 }],
    ['n', { n: 0 }],
    ['n', { n: 1.5 }],
    ['n', { n: 9 }],
    ['max_tokens', { max_tokens: 0 }],
    ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
    ['stop', { stop: [''] }],
    ['stop', { stop: 'a\ufffd' }],
    ['stop', { stop: ['\ud83d'] }],
    ['logit_bias', { logit_bias: { '-1': 1 } }],
    ['logit_bias', { logit_bias: { 5: 101 } }],
    ['seed', { seed: 2 ** 53 }],
    ['seed', { seed: 0.5 }],
    ['prompt_cache_key', { prompt_cache_key: 5 }],
    ['prompt_cache_key', { prompt_cache_key: 'x'.repeat(257) }],
    ['stream', { stream: 'yes' }],
    ['stream_options', { stream_options: { include_usage: true } }],
    ['top_logprobs', { top_logprobs: 2 }],
    ['top_logprobs', { logprobs: true, top_logprobs: 21 }],
    ['tools[0].function', { tools: [{ type: 'function' }] }],
    ['tools', { tools: Array.from({ length: 129 }, (_, i) => tool(`f${i}`)) }],
    ['tools', { tools: [tool('f'), tool('f')] }],
    ['tools[0].function.name', { tools: [tool('two words')] }],
    ['tools[0].function.parameters', { tools: [tool('f', { parameters: [] })] }],
    ['tools[0].function.parameters', { tools: [tool('f', { parameters: { title: '\ud83d' } })] }],
    ['tools[0].function.description', { tools: [tool('f', { description: 5 })] }],
    ['tool_choice', { tools: [tool('f')], tool_choice: { type: 'function', function: { name: 'g' } } }],
    ['tool_choice.allowed_tools', { tools: [tool('f')], tool_choice: { type: 'allowed_tools' } }],
    ['parallel_tool_calls', { tools: [tool('f')], parallel_tool_calls: 'yes' }],
    [
      'tools[1].function.parameters',
      { tools: [tool('f'), tool('g', { parameters: { not: {} } })], tool_choice: 'required' },
    ],
    ['grammar', { tools: [tool('f')], grammar: 'root ::= "a"' }],
    ['messages', { tools: [tool('f', { parameters: { enum: nest(50, 30_000) } })] }],
    ['response_format', { response_format: { type: 'xml' } }],
    ['modalities', { modalities: ['audio'] }],
    ['prompt', { prompt: 'completions only' }],
    ['tool_choice', { tool_choice: [] }],
    ['function_call', { function_call: [] }],
    ['audio', { audio: [] }],
    ['echo', { echo: [] }],
    ['best_of', { best_of: [] }],
    ['tool_choice', { tool_choice: 'required' }],
    ['repetition_penalty', { repetition_penalty: 0 }],
    ['repetition_penalty', { repetition_penalty: 2.01 }],
    ['repeat_penalty', { repeat_penalty: -1 }],
    ['repeat_penalty', { repetition_penalty: 1.1, repeat_penalty: 1.1 }],
    ['repeat_last_n', { repeat_penalty: 1.1, repeat_last_n: -2 }],
    ['chat_template_kwargs.system', { chat_template_kwargs: { system: 'x' } }],
    ['guided_regex', { guided_regex: 'a' }],
    ['structured_outputs.regex', { structured_outputs: { regex: 'a' } }],
    ['min_tokens', { min_tokens: 2 }],
    ['ignore_eos', { ignore_eos: true }],
    ['top_k', { top_k: -2 }],
    ['provider', { provider: 'openai' }],
    ['provider.only', { provider: { only: ['a'] } }],
    ['provider.data_collection', { provider: { data_collection: 'deny' } }],
    ['usage.include', { usage: { include: 1 } }],
    ['response_format.schema', { response_format: { type: 'text', schema: {} } }],
    ['response_format', { response_format: 'text' }],
    ['messages[0].content', { messages: [{ role: 'user', content: [] }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: null }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: '\ud83d' }] }],
    ['messages[0].tool_calls[0].function', { messages: [{ role: 'assistant', content: 'x', tool_calls: [{}] }] }],
    ['messages[0].tool_calls', { messages: [{ role: 'user', content: 'x', tool_calls: [call('{}')] }] }],
    ['messages[0].tool_calls', { messages: [{ role: 'assistant', tool_calls: Array(129).fill(call('{}')) }] }],
    ['messages[0].tool_calls[0].id', { messages: [{ role: 'assistant', tool_calls: [{ ...call('{}'), id: '' }] }] }],
    ['messages[0].tool_calls[0]', { messages: [{ role: 'assistant', tool_calls: [call('{"a":"\\ud83d"}')] }] }],
    ['messages[0].content', { messages: [{ role: 'assistant', content: null }] }],
    ['messages[0].tool_call_id', { messages: [{ role: 'tool', content: 'x' }] }],
    ['model', { model: '\ud83d' }],
  ])('refuses and names %s', (param, extra) => {
    expect(refusal(() => chat(extra)).param).toBe(param);
  });

  it('refuses a body that no validator would accept', () => {
    const padded = (length: number) => utf8Encode(JSON.stringify(base).padEnd(length));
    expect(parseRequest(padded(MAX_REQUEST_BYTES), 'chat').model).toBe(base.model);
    expect(refusal(() => parseRequest(padded(MAX_REQUEST_BYTES + 1), 'chat')).message).toMatch(/at most 1048576/);
  });

  it('refuses anything but a JSON object in UTF-8', () => {
    for (const body of ['', '[]', 'null', '{', '"x"']) {
      expect(refusal(() => parseRequest(utf8Encode(body), 'chat')).message.length).toBeGreaterThan(10);
    }
    expect(refusal(() => parseRequest(Uint8Array.of(0x7b, 0xff, 0x7d), 'chat'))).toBeInstanceOf(RequestError);
  });
});

describe('the price of a request', () => {
  it('needs no grammar, so none is converted for it', () => {
    const body = utf8Encode(JSON.stringify({ ...base, grammar: 'root ::= (' }));
    expect(() => parseRequest(body, 'chat')).toThrow(RequestError);
    expect(parsePricedRequest(body, 'chat')).toMatchObject({ model: base.model, maxTokens: DEFAULT_MAX_TOKENS });
  });

  it('is that of the whole request', () => {
    const form = { n: 2, max_tokens: 7, response_format: { type: 'json_object' } };
    const body = utf8Encode(JSON.stringify({ ...base, ...form }));
    const { grammar, terms, dropped, ...rest } = parseRequest(body, 'chat');
    expect(grammar).toBeDefined();
    expect(parsePricedRequest(body, 'chat')).toEqual(rest);
  });
});
