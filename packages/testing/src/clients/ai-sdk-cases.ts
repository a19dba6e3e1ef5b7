import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateText, jsonSchema, type LanguageModel, Output, streamText, tool } from 'ai';
import { expect } from 'vitest';
import {
  CITY,
  type ClientCase,
  type ClientTarget,
  cutAtStop,
  LIMIT,
  listCases,
  QUESTION,
  THING_SCHEMA,
  WEATHER,
} from './client-case.ts';

type OpenModel = (target: ClientTarget) => LanguageModel;

const openCompatible = ({ origin, fetch }: ClientTarget) =>
  createOpenAICompatible({
    ...{ name: 'ogong', baseURL: `${origin}/v1`, apiKey: 'none', fetch },
    ...{ includeUsage: true, supportsStructuredOutputs: true },
  });

const ask = (open: OpenModel, target: ClientTarget) => ({
  model: open(target),
  prompt: QUESTION,
  maxOutputTokens: LIMIT,
  temperature: 0,
  maxRetries: 0,
});

const tools = {
  [WEATHER.name]: tool({
    description: WEATHER.description,
    inputSchema: jsonSchema<{ city: string }>(WEATHER.parameters as never),
    execute: async ({ city }) => `Sun in ${city}.`,
  }),
};

const thing = jsonSchema<{ color: string; size: number }>(THING_SCHEMA as never);

/** Cases that all providers of the AI SDK share. */
const createRuns = (open: OpenModel): Partial<Record<ClientCase['feature'], ClientCase['run']>> => ({
  async answer(target) {
    expect((await generateText(ask(open, target))).text).toBe(target.answer);
  },
  async stream(target) {
    const { textStream, finishReason } = streamText(ask(open, target));
    let text = '';
    for await (const delta of textStream) text += delta;
    expect(text).toBe(target.answer);
    expect(['stop', 'length']).toContain(await finishReason);
  },
  async stop(target) {
    const { text } = await generateText({ ...ask(open, target), stopSequences: [target.stop] });
    expect(text.trimEnd()).toBe(cutAtStop(target).trimEnd());
  },
  async 'token limit'(target) {
    const { finishReason, usage } = await generateText({ ...ask(open, target), maxOutputTokens: 3 });
    expect([finishReason, usage.outputTokens]).toEqual(['length', 3]);
  },
  async usage(target) {
    const { usage } = await generateText(ask(open, target));
    const stream = streamText(ask(open, target));
    await stream.consumeStream();
    const streamed = await stream.usage;
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect([streamed.inputTokens, streamed.outputTokens]).toEqual([usage.inputTokens, usage.outputTokens]);
  },
  async errors(target) {
    const lost = generateText(ask(open, { ...target, model: 'ogong/verified/no/such' }));
    const error = await lost.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 404 });
    expect((error as APICallError).message).toContain('no/such');
  },
  async 'JSON of a schema'(target) {
    const asked = {
      ...{ ...ask(open, target), maxOutputTokens: 200, output: Output.object({ schema: thing }) },
      // Otherwise this provider turns the schema into a tool for models that it does not know.
      providerOptions: { anthropic: { structuredOutputMode: 'outputFormat' } },
    };
    const { output } = await generateText(asked);
    expect(['red', 'green']).toContain(output.color);
    // The provider for Anthropic sends no bounds of numbers.
    expect(Number.isInteger(output.size)).toBe(true);
  },
  async tools(target) {
    const asked = { ...ask(open, target), tools, maxOutputTokens: 200 };
    const whole = await generateText({ ...asked, toolChoice: 'required' });
    const stream = streamText({ ...asked, toolChoice: { type: 'tool', toolName: WEATHER.name } });
    await stream.consumeStream();
    for (const { toolCalls, finishReason } of [
      whole,
      { toolCalls: await stream.toolCalls, finishReason: await stream.finishReason },
    ]) {
      expect(finishReason).toBe('tool-calls');
      expect(toolCalls).toMatchObject([{ toolName: WEATHER.name, input: { city: expect.stringMatching(CITY) } }]);
    }
    const { prompt, ...more } = asked;
    const messages = [{ role: 'user' as const, content: prompt }, ...whole.response.messages];
    const last = await generateText({ ...more, messages, toolChoice: 'none', maxOutputTokens: LIMIT });
    expect(last.toolCalls).toEqual([]);
    expect(last.text).not.toBe('');
  },
});

const { stop: _, ...withoutStop } = createRuns((target) =>
  createOpenAI({
    ...{ baseURL: `${target.origin}/v1`, apiKey: 'none', fetch: target.fetch },
  }).responses(target.model),
);

export const AI_SDK_CASES: readonly ClientCase[] = [
  ...listCases('AI SDK: openai-compatible', {
    ...createRuns((target) => openCompatible(target).chatModel(target.model)),
    async embeddings(target) {
      const model = openCompatible(target).embeddingModel(target.embeddingModel);
      const { embeddings } = await embedMany({ model, values: ['a dog', 'a cat'], maxRetries: 0 });
      expect(embeddings).toHaveLength(2);
      expect(embeddings[0]).not.toEqual(embeddings[1]);
    },
  }),
  // The API of responses has no stop strings.
  ...listCases('AI SDK: openai (responses)', withoutStop),
  ...listCases(
    'AI SDK: anthropic',
    createRuns((target) =>
      createAnthropic({ baseURL: `${target.origin}/v1`, apiKey: 'none', fetch: target.fetch })(target.model),
    ),
  ),
];
