import OpenAI, { APIError, BadRequestError, NotFoundError, toFile } from 'openai';
import { ResponsesToolRunner } from 'openai/helpers/responses-tool-runner';
import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { expect } from 'vitest';
import {
  CITY,
  CITY_OBJECT,
  type ClientCase,
  type ClientTarget,
  catchError,
  createWeather,
  cutAtStop,
  expectCallOrThing,
  expectCount,
  LIMIT,
  LONG_QUESTION,
  listCases,
  QUESTION,
  THING,
  THING_OBJECT,
  THING_SCHEMA,
  WEATHER,
} from './client-case.ts';
import { packPng } from './pack-png.ts';

const connect = ({ origin, fetch }: ClientTarget): OpenAI =>
  new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'none', maxRetries: 0, fetch });

const chat = ({ model }: ClientTarget) => ({
  model,
  messages: [{ role: 'user' as const, content: QUESTION }],
  max_tokens: LIMIT,
  temperature: 0,
});

const format = { name: 'thing', strict: true, schema: THING_SCHEMA };

async function expectRefusal(work: Promise<unknown>, status: number, param: string | null): Promise<void> {
  const error = await catchError(work);
  expect(error).toBeInstanceOf(APIError);
  expect(error).toBeInstanceOf(status === 404 ? NotFoundError : BadRequestError);
  expect(error).toMatchObject({ status, param });
}

async function expectOverflow(work: Promise<unknown>, param: string): Promise<void> {
  const error = await catchError(work);
  expect(error).toBeInstanceOf(BadRequestError);
  expect(error).toMatchObject({ code: 'context_length_exceeded', param });
  expect((error as BadRequestError).message).toContain('maximum context length');
}

export const CHAT_CASES: readonly ClientCase[] = listCases(
  { name: 'openai: chat completions', api: 'OpenAI' },
  {
    async answer(target) {
      const { choices } = await connect(target).chat.completions.create(chat(target));
      expect(choices[0]?.message.content).toBe(target.answer);
    },
    async stream(target) {
      let text = '';
      const stream = connect(target).chat.completions.stream({ ...chat(target), stream: true });
      stream.on('content', (delta) => {
        text += delta;
      });
      const { choices } = await stream.finalChatCompletion();
      expect(text).toBe(target.answer);
      expect(choices[0]?.message.content).toBe(target.answer);
    },
    async stop(target) {
      const { choices } = await connect(target).chat.completions.create({ ...chat(target), stop: [target.stop] });
      expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: cutAtStop(target) } });
    },
    async 'token limit'(target) {
      const { choices, usage } = await connect(target).chat.completions.create({
        ...chat(target),
        max_completion_tokens: 3,
      });
      expect(choices[0]?.finish_reason).toBe('length');
      expect(usage?.completion_tokens).toBe(3);
    },
    async usage(target) {
      const { usage } = await connect(target).chat.completions.create(chat(target));
      const stream = await connect(target).chat.completions.create({
        ...chat(target),
        stream: true,
        stream_options: { include_usage: true },
      });
      let streamed: OpenAI.CompletionUsage | null | undefined;
      for await (const chunk of stream) streamed = chunk.usage ?? streamed;
      expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
      expect(streamed?.prompt_tokens).toBe(usage?.prompt_tokens);
      expect(streamed?.completion_tokens).toBe(usage?.completion_tokens);
    },
    async errors(target) {
      const { completions } = connect(target).chat;
      await expectRefusal(completions.create({ ...chat(target), temperature: 9 }), 400, 'temperature');
      const unknown = { ...chat(target), model: 'ogong/verified/no/such' };
      await expectRefusal(completions.create(unknown), 404, 'model');
      await expectRefusal(completions.stream(unknown).finalChatCompletion(), 404, 'model');
    },
    async 'context overflow'(target) {
      const { completions } = connect(target).chat;
      const asked = { ...chat(target), messages: [{ role: 'user' as const, content: LONG_QUESTION }] };
      await expectOverflow(completions.create(asked), 'messages');
      await expectOverflow(completions.stream(asked).finalChatCompletion(), 'messages');
    },
    async 'JSON of a schema'(target) {
      const { choices } = await connect(target).chat.completions.create({
        ...chat(target),
        max_tokens: 200,
        response_format: { type: 'json_schema', json_schema: format },
      });
      expect(choices[0]?.message.content).toMatch(THING);
      const parsed = await connect(target).chat.completions.parse({
        ...chat(target),
        max_tokens: 200,
        response_format: zodResponseFormat(THING_OBJECT, 'thing'),
      });
      expect(THING_OBJECT.safeParse(parsed.choices[0]?.message.parsed).success).toBe(true);
    },
    async 'tool loop'(target) {
      const { cities, call } = createWeather();
      const { name, description } = WEATHER;
      const weather = zodFunction({ name, description, parameters: CITY_OBJECT, function: call });
      const asked = { ...chat(target), model: target.callingModel, tools: [weather], max_tokens: 200 };
      for (const runner of [
        connect(target).chat.completions.runTools(asked),
        connect(target).chat.completions.runTools({ ...asked, stream: true }),
      ]) {
        expect(await runner.finalContent()).not.toBe('');
        expect(runner.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
      }
      expect(cities).toEqual(['Paris', 'Paris']);
    },
    async tools(target) {
      const { completions } = connect(target).chat;
      const tools = [{ type: 'function' as const, function: { ...WEATHER, parameters: { ...WEATHER.parameters } } }];
      const asked = { ...chat(target), tools, max_tokens: 200 };
      const whole = await completions.create({ ...asked, tool_choice: 'required' });
      const streamed = await completions
        .stream({ ...asked, tool_choice: 'required', stream: true })
        .finalChatCompletion();
      for (const { choices } of [whole, streamed]) {
        const [call] = choices[0]?.message.tool_calls ?? [];
        expect(choices[0]?.finish_reason).toBe('tool_calls');
        expect(call?.type === 'function' && [call.function.name, JSON.parse(call.function.arguments)]).toEqual([
          ...['weather', { city: expect.stringMatching(CITY) }],
        ]);
      }
      const { message } = whole.choices[0] as OpenAI.ChatCompletion.Choice;
      const answers = (message.tool_calls ?? []).map(({ id }) => ({
        ...{ role: 'tool' as const, tool_call_id: id, content: 'Sun.' },
      }));
      const messages = [...asked.messages, message, ...answers];
      const last = await completions.create({ ...asked, messages, tool_choice: 'none', max_tokens: LIMIT });
      expect(last.choices[0]?.message.tool_calls).toBeUndefined();
      expect(last.choices[0]?.message.content).not.toBe('');
    },
    async 'tools beside a schema'(target) {
      const { completions } = connect(target).chat;
      const tools = [{ type: 'function' as const, function: { ...WEATHER, parameters: { ...WEATHER.parameters } } }];
      const response_format = { type: 'json_schema' as const, json_schema: format };
      const asked = { ...chat(target), tools, response_format, max_tokens: 200, parallel_tool_calls: false };
      const streamed = await completions.stream({ ...asked, stream: true }).finalChatCompletion();
      for (const { choices } of [await completions.create(asked), streamed]) {
        const { content, tool_calls: calls = [] } = choices[0]?.message ?? {};
        const read = calls.map((call) =>
          call.type === 'function'
            ? ([call.function.name, JSON.parse(call.function.arguments)] as const)
            : (['', null] as const),
        );
        expectCallOrThing(content, read);
        expect(choices[0]?.finish_reason).toBe(calls.length > 0 ? 'tool_calls' : 'stop');
      }
      const none = await completions.create({ ...asked, tool_choice: 'none' });
      expect(none.choices[0]?.message.content).toMatch(THING);
    },
    async 'several choices'(target) {
      const { choices } = await connect(target).chat.completions.create({ ...chat(target), n: 2 });
      expect(choices.map(({ index }) => index)).toEqual([0, 1]);
    },
    async 'log-probabilities'(target) {
      const asked = { ...chat(target), max_tokens: 4, logprobs: true, top_logprobs: 2 };
      const { choices } = await connect(target).chat.completions.create(asked);
      const content = choices[0]?.logprobs?.content ?? [];
      expect(content).toHaveLength(4);
      for (const { logprob, top_logprobs } of content) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect(top_logprobs).toHaveLength(2);
      }
    },
    async embeddings(target) {
      const input = ['a dog', 'a cat'];
      const { data } = await connect(target).embeddings.create({ model: target.embeddingModel, input });
      expect(data.map(({ index }) => index)).toEqual([0, 1]);
      expect(data[0]?.embedding).toHaveLength(data[1]?.embedding.length ?? 0);
      expect(data[0]?.embedding).not.toEqual(data[1]?.embedding);
    },
    async models(target) {
      const client = connect(target);
      const ids: string[] = [];
      for await (const { id } of client.models.list()) ids.push(id);
      expect(ids).toContain(target.model);
      expect((await client.models.retrieve(target.model)).id).toBe(target.model);
    },
  },
);

const SQUARE = { width: 16, height: 16, pixels: new Uint8Array(16 * 16 * 3).fill(90) };
const picture = ({ pictureModel = '' }: ClientTarget) => ({ model: pictureModel, prompt: 'a small fox', n: 1 });

export const IMAGE_CASES: readonly ClientCase[] = listCases(
  { name: 'openai: images', api: 'OpenAI' },
  {
    async pictures(target) {
      const { data = [], usage } = await connect(target).images.generate({ ...picture(target), n: 2 });
      const pictures = data.map(({ b64_json: base64 = '' }) => Buffer.from(base64, 'base64'));
      for (const one of pictures) expect(one.toString('latin1', 1, 4)).toBe('PNG');
      expect(pictures[0]?.equals(pictures[1] as Buffer)).toBe(false);
      expect(usage?.output_tokens).toBeGreaterThan(0);
    },
    async stream(target) {
      const events = await connect(target).images.generate({ ...picture(target), stream: true });
      const types: string[] = [];
      for await (const event of events) types.push(event.type);
      expect(types.at(-1)).toBe('image_generation.completed');
    },
    async 'previews of pictures'(target) {
      const asked = { ...picture(target), stream: true, partial_images: 2 } as const;
      const indices: number[] = [];
      for await (const event of await connect(target).images.generate(asked))
        if (event.type === 'image_generation.partial_image') indices.push(event.partial_image_index);
      expect(indices).toEqual([0, 1]);
    },
    async 'changed pictures'(target) {
      const image = await toFile(await packPng(SQUARE), 'a.png', { type: 'image/png' });
      const { data = [] } = await connect(target).images.edit({ ...picture(target), image, mask: image });
      expect(Buffer.from(data[0]?.b64_json ?? '', 'base64').toString('latin1', 1, 4)).toBe('PNG');
      const events = await connect(target).images.edit({ ...picture(target), image: [image], stream: true });
      const types: string[] = [];
      for await (const event of events) types.push(event.type);
      expect(types.at(-1)).toBe('image_edit.completed');
    },
    async 'variations of pictures'(target) {
      const image = await toFile(await packPng(SQUARE), 'a.png', { type: 'image/png' });
      const { model } = picture(target);
      const { data = [] } = await connect(target).images.createVariation({ model, image, n: 2 });
      expect(data).toHaveLength(2);
    },
    async errors(target) {
      const asked = { ...picture(target), size: '10000x10000' as '1024x1024' };
      await expectRefusal(connect(target).images.generate(asked), 400, 'size');
    },
  },
).map((one) => ({ ...one, only: 'gateway' as const }));

const text = ({ model }: ClientTarget) => ({ model, prompt: QUESTION, max_tokens: 8, temperature: 0 });

export const COMPLETION_CASES: readonly ClientCase[] = listCases(
  { name: 'openai: completions', api: 'OpenAI' },
  {
    async answer(target) {
      const { choices } = await connect(target).completions.create(text(target));
      expect(choices[0]?.text).not.toBe('');
    },
    async stream(target) {
      const { choices } = await connect(target).completions.create(text(target));
      let streamed = '';
      for await (const chunk of await connect(target).completions.create({ ...text(target), stream: true })) {
        streamed += chunk.choices[0]?.text ?? '';
      }
      expect(streamed).toBe(choices[0]?.text);
    },
    async 'token limit'(target) {
      const { choices, usage } = await connect(target).completions.create({ ...text(target), max_tokens: 3 });
      expect(choices[0]?.finish_reason).toBe('length');
      expect(usage?.completion_tokens).toBe(3);
    },
    async errors(target) {
      await expectRefusal(connect(target).completions.create({ ...text(target), best_of: 3 }), 400, 'best_of');
    },
    async 'log-probabilities'(target) {
      const { choices } = await connect(target).completions.create({ ...text(target), max_tokens: 4, logprobs: 2 });
      expect(choices[0]?.logprobs?.token_logprobs).toHaveLength(4);
    },
    async 'several prompts'(target) {
      const { choices } = await connect(target).completions.create({ ...text(target), prompt: ['a', 'b'] });
      expect(choices.map(({ index }) => index)).toEqual([0, 1]);
    },
    async 'prompt of tokens'(target) {
      const { usage } = await connect(target).completions.create({ ...text(target), prompt: [70, 71, 72] });
      expect(usage?.prompt_tokens).toBe(3);
    },
    async echo(target) {
      const { choices } = await connect(target).completions.create({ ...text(target), prompt: 'One', echo: true });
      expect(choices[0]?.text).toMatch(/^One./);
    },
    async 'filling in'(target) {
      const asked = { ...text(target), prompt: 'One', suffix: 'three' };
      expect((await connect(target).completions.create(asked)).choices[0]?.text).not.toBe('');
    },
  },
);

const response = ({ model }: ClientTarget) => ({
  model,
  input: QUESTION,
  max_output_tokens: LIMIT,
  temperature: 0,
});

export const RESPONSES_CASES: readonly ClientCase[] = listCases(
  { name: 'openai: responses', api: 'OpenAI' },
  {
    async answer(target) {
      expect((await connect(target).responses.create(response(target))).output_text).toBe(target.answer);
    },
    async stream(target) {
      const stream = connect(target).responses.stream(response(target));
      let streamed = '';
      stream.on('response.output_text.delta', ({ delta }) => {
        streamed += delta;
      });
      expect((await stream.finalResponse()).output_text).toBe(target.answer);
      expect(streamed).toBe(target.answer);
    },
    async 'token limit'(target) {
      const { status, usage } = await connect(target).responses.create({ ...response(target), max_output_tokens: 3 });
      expect(status).toBe('incomplete');
      expect(usage?.output_tokens).toBe(3);
    },
    async usage(target) {
      const { usage } = await connect(target).responses.create(response(target));
      expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0));
      expect(usage?.input_tokens).toBeGreaterThan(0);
    },
    async errors(target) {
      const { responses } = connect(target);
      await expectRefusal(responses.create({ ...response(target), temperature: 9 }), 400, 'temperature');
      await expectRefusal(responses.create({ ...response(target), model: 'ogong/verified/no/such' }), 404, 'model');
    },
    async 'context overflow'(target) {
      const { responses } = connect(target);
      await expectOverflow(responses.create({ ...response(target), input: LONG_QUESTION }), 'input');
    },
    async 'JSON of a schema'(target) {
      const asked = { ...response(target), max_output_tokens: 200 };
      const { output_text } = await connect(target).responses.create({
        ...asked,
        text: { format: { type: 'json_schema', ...format } },
      });
      expect(output_text).toMatch(THING);
      const parsed = await connect(target).responses.parse({
        ...asked,
        text: { format: zodTextFormat(THING_OBJECT, 'thing') },
      });
      expect(THING_OBJECT.safeParse(parsed.output_parsed).success).toBe(true);
    },
    async 'tool loop'(target) {
      const { cities, call } = createWeather();
      const tool = {
        ...{ type: 'function' as const, ...WEATHER, parameters: { ...WEATHER.parameters }, strict: true },
      };
      const runner = new ResponsesToolRunner({
        functions: [{ tool, execute: (args) => call(CITY_OBJECT.parse(args)) }],
      });
      const asked = { ...response(target), model: target.callingModel, max_output_tokens: 200 };
      for (const stream of [false, true]) {
        const last = await runner.run(connect(target), asked, { stream });
        expect(last.output.map(({ type }) => type)).toEqual(['message']);
        expect(last.output_text).not.toBe('');
      }
      expect(cities).toEqual(['Paris', 'Paris']);
    },
    async tools(target) {
      const { responses } = connect(target);
      const tools = [{ type: 'function' as const, ...WEATHER, parameters: { ...WEATHER.parameters }, strict: true }];
      const asked = { ...response(target), tools, max_output_tokens: 200 };
      const whole = await responses.create({ ...asked, tool_choice: 'required' });
      const streamed = await responses.stream({ ...asked, tool_choice: 'required' }).finalResponse();
      for (const { output } of [whole, streamed]) {
        const [call] = output.flatMap((item) => (item.type === 'function_call' ? [item] : []));
        expect(call && [call.name, JSON.parse(call.arguments)]).toEqual([
          ...['weather', { city: expect.stringMatching(CITY) }],
        ]);
      }
      const calls = whole.output.filter((item) => item.type === 'function_call');
      const answers = calls.map(({ call_id }) => ({ type: 'function_call_output' as const, call_id, output: 'Sun.' }));
      const input = [{ role: 'user' as const, content: QUESTION }, ...calls, ...answers];
      const last = await responses.create({ ...asked, input, tool_choice: 'none', max_output_tokens: LIMIT });
      expect(last.output.map(({ type }) => type)).toEqual(['message']);
      expect(last.output_text).not.toBe('');
    },
    async 'log-probabilities'(target) {
      const { output } = await connect(target).responses.create({
        ...response(target),
        max_output_tokens: 4,
        top_logprobs: 2,
        include: ['message.output_text.logprobs'],
      });
      const [item] = output;
      const part = item?.type === 'message' ? item.content[0] : undefined;
      expect(part?.type === 'output_text' ? part.logprobs : []).toHaveLength(4);
    },
    async 'token count'(target) {
      const { model } = target;
      const counted = await connect(target).responses.inputTokens.count({ model, input: QUESTION });
      const { usage } = await connect(target).responses.create(response(target));
      expectCount(target, counted.input_tokens, usage?.input_tokens ?? Number.POSITIVE_INFINITY);
    },
    async 'no stored state'(target) {
      const { responses } = connect(target);
      const { id } = await responses.create(response(target));
      const next = responses.create({ ...response(target), previous_response_id: id });
      await expectRefusal(next, 400, 'previous_response_id');
      await expectRefusal(responses.retrieve(id), 404, null);
    },
  },
);
