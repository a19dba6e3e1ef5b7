import { type Message, Ollama } from 'ollama';
import { expect } from 'vitest';
import {
  CITY,
  CITY_OBJECT,
  type ClientCase,
  type ClientTarget,
  createWeather,
  cutAtStop,
  expectCallOrThing,
  LIMIT,
  LONG_QUESTION,
  listCases,
  QUESTION,
  THING,
  THING_SCHEMA,
  WEATHER,
} from './client-case.ts';

const connect = ({ origin, fetch }: ClientTarget): Ollama => new Ollama({ host: origin, fetch });

const options = { temperature: 0, num_predict: LIMIT };
const chat = ({ model }: ClientTarget) => ({ model, messages: [{ role: 'user', content: QUESTION }], options });
const prompt = ({ model }: ClientTarget) => ({ model, prompt: QUESTION, options });

async function expectRefusal(work: Promise<unknown>, status: number, message: RegExp): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'ResponseError', status_code: status, message: expect.stringMatching(message) });
}

const WEATHER_TOOL = { type: 'function', function: WEATHER };

/** Every listed name has a tag. */
const bare = (name: string): string => name.replace(/:latest$/, '');
const listNames = async (client: Ollama): Promise<readonly string[]> =>
  (await client.list()).models.map(({ name }) => bare(name));
const listRunning = async (client: Ollama): Promise<readonly string[]> =>
  (await client.ps()).models.map(({ name }) => bare(name));

/** Calls Ollama's API, which gateways do not have. */
export const OLLAMA_CASES: readonly ClientCase[] = listCases(
  { name: 'ollama', api: 'Ollama' },
  {
    async answer(target) {
      const client = connect(target);
      const { message } = await client.chat(chat(target));
      expect(message).toEqual({ role: 'assistant', content: target.answer });
      expect((await client.generate(prompt(target))).response).toBe(target.answer);
    },
    async stream(target) {
      const client = connect(target);
      let chatted = '';
      for await (const { message } of await client.chat({ ...chat(target), stream: true })) chatted += message.content;
      let generated = '';
      for await (const { response } of await client.generate({ ...prompt(target), stream: true }))
        generated += response;
      expect([chatted, generated]).toEqual([target.answer, target.answer]);
    },
    async stop(target) {
      const asked = { ...chat(target), options: { ...options, stop: [target.stop] } };
      const { message, done_reason } = await connect(target).chat(asked);
      expect([message.content, done_reason]).toEqual([cutAtStop(target), 'stop']);
    },
    async 'token limit'(target) {
      const asked = { ...chat(target), options: { ...options, num_predict: 3 } };
      const { eval_count, done_reason } = await connect(target).chat(asked);
      expect([eval_count, done_reason]).toEqual([3, 'length']);
    },
    async usage(target) {
      const whole = await connect(target).chat(chat(target));
      const lines = [];
      for await (const line of await connect(target).chat({ ...chat(target), stream: true })) lines.push(line);
      const last = lines.at(-1);
      expect(whole.prompt_eval_count).toBeGreaterThan(0);
      expect([last?.prompt_eval_count, last?.eval_count]).toEqual([whole.prompt_eval_count, whole.eval_count]);
      expect(whole.total_duration).toBeGreaterThanOrEqual(whole.load_duration);
      expect(whole.created_at).toEqual(expect.stringMatching(/^\d{4}-\d\d-\d\dT/));
    },
    async 'filling in'(target) {
      const { response } = await connect(target).generate({ ...prompt(target), suffix: 'the end' });
      expect(response).not.toBe('');
    },
    async errors(target) {
      const client = connect(target);
      await expectRefusal(client.chat({ ...chat(target), model: 'none' }), 404, /model "none" not found/);
      await expectRefusal(client.chat({ ...chat(target), options: { temperature: 9 } }), 400, /temperature/);
      await expectRefusal(client.generate({ ...prompt(target), context: [-1] }), 400, /context/);
      await expectRefusal(client.chat({ ...chat(target), model: 'none', stream: true }), 404, /not found/);
    },
    async 'context overflow'(target) {
      const client = connect(target);
      const asked = { ...chat(target), messages: [{ role: 'user', content: LONG_QUESTION }] };
      await expectRefusal(client.chat(asked), 400, /exceeds the context length/);
      await expectRefusal(client.chat({ ...asked, stream: true }), 400, /exceeds the context length/);
    },
    async 'tool loop'(target) {
      const client = connect(target);
      const { cities, call } = createWeather();
      const asked = { ...chat(target), model: target.callingModel, options: { temperature: 0, num_predict: 120 } };
      const messages: Message[] = [...asked.messages];
      for (let turn = 0; turn < 3; turn++) {
        const { message } = await client.chat({ ...asked, messages, tools: [WEATHER_TOOL] as never });
        messages.push(message);
        if (message.tool_calls === undefined) break;
        for (const { function: called } of message.tool_calls)
          messages.push({ role: 'tool', tool_name: called.name, content: call(CITY_OBJECT.parse(called.arguments)) });
      }
      expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
      expect(cities).toEqual(['Paris']);
    },
    async 'JSON of a schema'(target) {
      const asked = { ...chat(target), options: { temperature: 0, num_predict: 200 } };
      const { message } = await connect(target).chat({ ...asked, format: THING_SCHEMA });
      expect(message.content).toMatch(THING);
      const { response } = await connect(target).generate({ ...prompt(target), format: 'json' });
      expect(response?.trim()).toMatch(/^\{/);
    },
    async tools(target) {
      const client = connect(target);
      const asked = {
        ...{ ...chat(target), model: target.callingModel, options: { temperature: 0, num_predict: 200 } },
        tools: [WEATHER_TOOL] as never,
      };
      const whole = await client.chat(asked);
      const called = [];
      for await (const { message } of await client.chat({ ...asked, stream: true }))
        called.push(...(message.tool_calls ?? []));
      for (const calls of [whole.message.tool_calls, called]) {
        expect(calls).toEqual([{ function: { name: WEATHER.name, arguments: { city: expect.stringMatching(CITY) } } }]);
      }
      const messages = [...asked.messages, whole.message, { role: 'tool', tool_name: WEATHER.name, content: 'Sun.' }];
      const last = await client.chat({ ...chat(target), messages });
      expect(last.message.tool_calls).toBeUndefined();
      expect(last.message.content).not.toBe('');
    },
    async 'tools beside a schema'(target) {
      const asked = { ...chat(target), options: { temperature: 0, num_predict: 200 }, format: THING_SCHEMA };
      const { message } = await connect(target).chat({
        ...asked,
        tools: [WEATHER_TOOL] as never,
      });
      const calls = (message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments] as const);
      expectCallOrThing(message.content, calls);
    },
    async 'log-probabilities'(target) {
      const asked = { ...chat(target), logprobs: true, top_logprobs: 2 };
      const { logprobs = [], message } = await connect(target).chat(asked);
      expect(logprobs.map(({ token }) => token).join('')).toContain(message.content.slice(0, 8));
      expect(logprobs.every(({ top_logprobs }) => top_logprobs?.length === 2)).toBe(true);
      let streamed = 0;
      for await (const line of await connect(target).chat({ ...asked, stream: true }))
        streamed += line.logprobs?.length ?? 0;
      expect(streamed).toBe(logprobs.length);
    },
    async embeddings(target) {
      const client = connect(target);
      const model = target.embeddingModel;
      const { embeddings } = await client.embed({ model, input: ['one', 'two'] });
      const one = await client.embed({ model, input: 'one' });
      expect(one.embeddings).toEqual([embeddings[0]]);
      expect(embeddings[1]).not.toEqual(embeddings[0]);
      expect((await client.embeddings({ model, prompt: 'one' })).embedding).toEqual(embeddings[0]);
    },
    async models(target) {
      const client = connect(target);
      expect(await listNames(client)).toContain(target.model);
      const shown = await client.show({ model: target.model });
      expect(shown.capabilities).toContain('completion');
      expect(shown.details.family).toBe('llama');
    },
    async 'running models'(target) {
      const client = connect(target);
      await client.chat(chat(target));
      const running = (await client.ps()).models.find(({ name }) => bare(name) === target.model);
      expect(Date.parse(String(running?.expires_at))).toBeGreaterThan(Date.now());
    },
    async 'keep alive'(target) {
      const client = connect(target);
      await client.chat({ ...chat(target), keep_alive: '10m' });
      expect(await listRunning(client)).toContain(target.model);
      // A request without a prompt loads or unloads.
      const unloaded = await client.generate({ model: target.model, prompt: '', keep_alive: 0 });
      expect([unloaded.done_reason, await listRunning(client)]).toEqual([
        'unload',
        expect.not.arrayContaining(['fake']),
      ]);
      const loaded = await client.generate({ model: target.model, prompt: '', keep_alive: 300 });
      expect([loaded.done_reason, await listRunning(client)]).toEqual(['load', expect.arrayContaining(['fake'])]);
    },
    async options(target) {
      const ask = async (seed: number): Promise<string> =>
        (await connect(target).chat({ ...chat(target), options: { ...options, temperature: 1, seed, top_k: 40 } }))
          .message.content;
      const [first, again, other] = [await ask(1), await ask(1), await ask(2)];
      expect(again).toBe(first);
      expect(other).not.toBe(first);
    },
    async abort(target) {
      const client = connect(target);
      const asked = { ...chat(target), options: { num_predict: 400 } };
      const stream = await client.chat({ ...asked, stream: true });
      const read = async (): Promise<void> => {
        for await (const _ of stream) client.abort();
      };
      await expect(read()).rejects.toMatchObject({ name: 'AbortError' });
      expect((await client.chat(chat(target))).message.content).toBe(target.answer);
    },
    async 'made models'(target) {
      const client = connect(target);
      const from = { from: target.model, system: 'Be brief.', parameters: { temperature: 0 } };
      const steps = [];
      for await (const { status } of await client.create({ model: 'brief', ...from, stream: true })) steps.push(status);
      expect(steps.at(-1)).toBe('success');
      const { system, parameters } = await client.show({ model: 'brief' });
      expect([system, parameters]).toEqual(['Be brief.', 'temperature 0']);
      expect(await client.copy({ source: 'brief', destination: 'short' })).toMatchObject({ status: 'success' });
      expect(await listNames(client)).toEqual(expect.arrayContaining(['brief', 'short']));
      for (const model of ['brief', 'short'])
        expect(await client.delete({ model })).toMatchObject({ status: 'success' });
      expect(await listNames(client)).toEqual(expect.not.arrayContaining(['brief', 'short']));
      await expectRefusal(client.delete({ model: 'brief' }), 404, /not found/);
    },
    async pull(target) {
      const client = connect(target);
      const model = target.pullable ?? '';
      const seen = [];
      for await (const step of await client.pull({ model, stream: true })) seen.push(step);
      expect(seen.at(-1)?.status).toBe('success');
      expect(seen.some(({ completed, total }) => total !== undefined && completed === total)).toBe(true);
      expect(await client.pull({ model })).toMatchObject({ status: 'success' });
      const pulled = (await listNames(client)).find((name) => name.includes('pullable')) ?? '';
      await client.delete({ model: pulled });
      await expectRefusal(client.pull({ model: 'llama9.9' }), 404, /names no model/);
      await expectRefusal(client.push({ model: target.model }), 400, /push/);
    },
    async version(target) {
      expect((await connect(target).version()).version).toMatch(/^\d+\.\d+\.\d+$/);
    },
  },
);
