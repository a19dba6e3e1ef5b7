import Anthropic, { APIError, BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { expect } from 'vitest';
import { z } from 'zod';
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

const connect = ({ origin, fetch }: ClientTarget): Anthropic =>
  new Anthropic({ baseURL: origin, apiKey: 'none', maxRetries: 0, fetch });

/** The client's types no longer have a temperature, but it passes one on. */
const message = ({ model }: ClientTarget) => ({
  model,
  messages: [{ role: 'user' as const, content: QUESTION }],
  max_tokens: LIMIT,
  temperature: 0,
});

const readText = ({ content }: Anthropic.Message): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');

/** Agents look for these words. */
const TOO_LONG = 'prompt is too long';

async function expectRefusal(work: Promise<unknown>, status: number, type: string): Promise<void> {
  const error = await catchError(work);
  expect(error).toBeInstanceOf(APIError);
  expect(error).toBeInstanceOf(status === 404 ? NotFoundError : BadRequestError);
  expect(error).toMatchObject({ status, type, requestID: expect.any(String) });
}

export const ANTHROPIC_CASES: readonly ClientCase[] = listCases(
  { name: '@anthropic-ai/sdk', api: 'Anthropic' },
  {
    async answer(target) {
      expect(readText(await connect(target).messages.create(message(target)))).toBe(target.answer);
    },
    async stream(target) {
      const stream = connect(target).messages.stream(message(target));
      let streamed = '';
      stream.on('text', (delta) => {
        streamed += delta;
      });
      expect(readText(await stream.finalMessage())).toBe(target.answer);
      expect(streamed).toBe(target.answer);
    },
    async stop(target) {
      const asked = { ...message(target), stop_sequences: [target.stop] };
      const answered = await connect(target).messages.create(asked);
      expect(readText(answered)).toBe(cutAtStop(target));
      expect(answered).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: target.stop });
    },
    async 'token limit'(target) {
      const { stop_reason, usage } = await connect(target).messages.create({ ...message(target), max_tokens: 3 });
      expect([stop_reason, usage.output_tokens]).toEqual(['max_tokens', 3]);
    },
    async usage(target) {
      const whole = await connect(target).messages.create(message(target));
      const streamed = await connect(target).messages.stream(message(target)).finalMessage();
      const sum = ({ usage }: Anthropic.Message): number => usage.input_tokens + (usage.cache_read_input_tokens ?? 0);
      expect(sum(whole)).toBeGreaterThan(0);
      expect(sum(streamed)).toBe(sum(whole));
      expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
    },
    async errors(target) {
      const { messages } = connect(target);
      const hot = { ...message(target), temperature: 9 };
      await expectRefusal(messages.create(hot), 400, 'invalid_request_error');
      const unknown = messages.create({ ...message(target), model: 'ogong/verified/no/such' });
      await expectRefusal(unknown, 404, 'not_found_error');
    },
    async 'context overflow'(target) {
      const { messages } = connect(target);
      const asked = { ...message(target), messages: [{ role: 'user' as const, content: LONG_QUESTION }] };
      for (const work of [messages.create(asked), messages.stream(asked).finalMessage()]) {
        const error = await catchError(work);
        expect(error).toBeInstanceOf(BadRequestError);
        expect(error).toMatchObject({ type: 'invalid_request_error', message: expect.stringContaining(TOO_LONG) });
      }
    },
    async 'JSON of a schema'(target) {
      const asked = { ...message(target), max_tokens: 200 };
      const output_config = { format: { type: 'json_schema' as const, schema: THING_SCHEMA } };
      expect(readText(await connect(target).messages.create({ ...asked, output_config }))).toMatch(THING);
      // The client sends no bounds of numbers, but checks them.
      const listed = THING_OBJECT.extend({ size: z.literal([1, 2, 3, 4, 5, 6, 7, 8, 9]) });
      const parsed = await connect(target).messages.parse({
        ...{ ...asked, output_config: { format: zodOutputFormat(listed) } },
      });
      expect(listed.safeParse(parsed.parsed_output).success).toBe(true);
    },
    async 'tool loop'(target) {
      const { cities, call } = createWeather();
      const { name, description } = WEATHER;
      const weather = betaZodTool({ name, description, inputSchema: CITY_OBJECT, run: call });
      const asked = { ...message(target), model: target.callingModel, tools: [weather], max_tokens: 200 };
      const reasons: unknown[] = [];
      for await (const { stop_reason } of connect(target).beta.messages.toolRunner(asked)) reasons.push(stop_reason);
      const streamed: unknown[] = [];
      for await (const stream of connect(target).beta.messages.toolRunner({ ...asked, stream: true }))
        streamed.push((await stream.finalMessage()).stop_reason);
      for (const each of [reasons, streamed]) expect(each).toEqual(['tool_use', 'end_turn']);
      const answered: number[] = [];
      const note: typeof fetch = async (url, init) => {
        const response = await target.fetch(url, init);
        const { messages } = JSON.parse(String(init?.body)) as { readonly messages: readonly unknown[] };
        if (response.ok) answered.push(messages.length);
        return response;
      };
      const last = await connect({ ...target, fetch: note })
        .beta.messages.toolRunner(asked)
        .runUntilDone();
      expect(last.content.map(({ type }) => type)).toEqual(['text']);
      expect(cities).toEqual(['Paris', 'Paris', 'Paris']);
      // The runner asks for a stored conversation first. The model reads the whole one.
      expect(answered).toEqual([1, 3]);
    },
    async tools(target) {
      const { messages } = connect(target);
      const { name, description, parameters } = WEATHER;
      const tools = [{ name, description, input_schema: { ...parameters, required: [...parameters.required] } }];
      const asked = { ...message(target), tools, max_tokens: 200 };
      const whole = await messages.create({ ...asked, tool_choice: { type: 'any' } });
      const stream = messages.stream({ ...asked, tool_choice: { type: 'tool', name } });
      let streamed = '';
      stream.on('inputJson', (delta) => {
        streamed += delta;
      });
      for (const { content, stop_reason } of [whole, await stream.finalMessage()]) {
        expect(stop_reason).toBe('tool_use');
        expect(content).toMatchObject([{ type: 'tool_use', name, input: { city: expect.stringMatching(CITY) } }]);
      }
      expect(JSON.parse(streamed)).toEqual({ city: expect.stringMatching(CITY) });
      const answers = whole.content.flatMap((block) =>
        block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'Sun.' }] : [],
      );
      const last = await messages.create({
        ...{ ...asked, tool_choice: { type: 'none' }, max_tokens: LIMIT },
        messages: [
          ...asked.messages,
          { role: 'assistant', content: whole.content },
          { role: 'user', content: answers },
        ],
      });
      expect(last.content.map(({ type }) => type)).toEqual(['text']);
    },
    async 'tools beside a schema'(target) {
      const { name, description, parameters } = WEATHER;
      const tools = [{ name, description, input_schema: { ...parameters, required: [...parameters.required] } }];
      const output_config = { format: { type: 'json_schema' as const, schema: THING_SCHEMA } };
      const asked = { ...message(target), tools, output_config, max_tokens: 200 };
      const answer = await connect(target).messages.create(asked);
      const calls = answer.content.flatMap((block) =>
        block.type === 'tool_use' ? [[block.name, block.input] as const] : [],
      );
      const texts = answer.content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
      expectCallOrThing(texts.join(''), calls);
      expect(answer.stop_reason).toBe(calls.length > 0 ? 'tool_use' : 'end_turn');
    },
    async 'token count'(target) {
      const { max_tokens: _, temperature: __, ...asked } = message(target);
      const counted = await connect(target).messages.countTokens(asked);
      const { usage } = await connect(target).messages.create(message(target));
      const billed = usage.input_tokens + (usage.cache_read_input_tokens ?? 0);
      expectCount(target, counted.input_tokens, billed);
    },
    async models(target) {
      const ids: string[] = [];
      for await (const { id } of connect(target).models.list()) ids.push(id);
      expect(ids).toContain(target.model);
      expect((await connect(target).models.retrieve(target.model)).id).toBe(target.model);
    },
  },
);
