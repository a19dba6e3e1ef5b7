import {
  type APICallError,
  type embedMany,
  type generateText,
  type JSONValue,
  jsonSchema,
  type LanguageModel,
  type Output,
  type stepCountIs,
  type streamText,
  tool,
} from 'ai';
import { expect } from 'vitest';
import {
  CITY,
  type ClientCase,
  type ClientTarget,
  catchError,
  createWeather,
  cutAtStop,
  LIMIT,
  LONG_QUESTION,
  QUESTION,
  THING_SCHEMA,
  WEATHER,
} from './client-case.ts';

/** The functions of one version of the AI SDK. */
export interface AiSdk {
  readonly APICallError: typeof APICallError;
  readonly embedMany: typeof embedMany;
  readonly generateText: typeof generateText;
  readonly Output: typeof Output;
  readonly stepCountIs: typeof stepCountIs;
  readonly streamText: typeof streamText;
}

export type OpenLanguageModel = (target: ClientTarget) => LanguageModel;
type Runs = Partial<Record<ClientCase['feature'], ClientCase['run']>>;

const offerWeather = (execute: (input: { readonly city: string }) => string) => ({
  [WEATHER.name]: tool({
    description: WEATHER.description,
    inputSchema: jsonSchema<{ city: string }>(WEATHER.parameters as never),
    execute,
  }),
});

const thing = jsonSchema<{ color: string; size: number }>(THING_SCHEMA as never);

const OPTIONS = {
  // Otherwise this provider sends references to earlier items, which no server stores.
  openai: { store: false },
  // Otherwise this provider turns the schema into a tool for models that it does not know.
  anthropic: { structuredOutputMode: 'outputFormat' },
};

/** How a provider differs from the others. */
export interface ProviderRules {
  /** False: its API has no tool choice, so that the model decides whether it calls. Default: true. */
  readonly forcesCalls?: boolean;
  /** Checks the error of a refused request. Default: an APICallError with this status. */
  expectError?(error: unknown, expected: { readonly status: number; readonly message: string }): void;
  /** Words that a provider's API has for a prompt that is too long. */
  readonly overflow: string;
  /** Writes the limits as options of a provider that ignores those of the AI SDK, with a temperature of 0. */
  writeLimits?(limits: Limits): Record<string, Record<string, JSONValue>>;
}

interface Limits {
  readonly maxOutputTokens: number;
  readonly stopSequences?: string[];
}

/** Creates the cases that all providers of the AI SDK share. */
export function createAiSdkRuns(
  {
    APICallError: CallError,
    generateText: generate,
    Output: Outputs,
    stepCountIs: stepCount,
    streamText: stream,
  }: AiSdk,
  open: OpenLanguageModel,
  { forcesCalls = true, overflow, expectError, writeLimits }: ProviderRules,
): Runs {
  const ask = (target: ClientTarget, more: Partial<Limits> = {}) => {
    const limits = { maxOutputTokens: LIMIT, ...more };
    return {
      ...{ model: open(target), prompt: QUESTION, temperature: 0, maxRetries: 0 },
      ...(writeLimits === undefined && limits),
      providerOptions: { ...OPTIONS, ...writeLimits?.(limits) },
    };
  };
  const expectRefusal: NonNullable<ProviderRules['expectError']> =
    expectError ??
    ((error, { status, message }) => {
      expect(CallError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ statusCode: status, message: expect.stringContaining(message) });
    });
  return {
    async answer(target) {
      expect((await generate(ask(target))).text).toBe(target.answer);
    },
    async stream(target) {
      const { textStream, finishReason } = stream(ask(target));
      let text = '';
      for await (const delta of textStream) text += delta;
      expect(text).toBe(target.answer);
      expect(['stop', 'length']).toContain(await finishReason);
    },
    async stop(target) {
      const { text } = await generate(ask(target, { stopSequences: [target.stop] }));
      expect(text.trimEnd()).toBe(cutAtStop(target).trimEnd());
    },
    async 'token limit'(target) {
      const { finishReason, usage } = await generate(ask(target, { maxOutputTokens: 3 }));
      expect([finishReason, usage.outputTokens]).toEqual(['length', 3]);
    },
    async usage(target) {
      const { usage } = await generate(ask(target));
      const streaming = stream(ask(target));
      await streaming.consumeStream();
      const streamed = await streaming.usage;
      expect(usage.inputTokens).toBeGreaterThan(0);
      expect([streamed.inputTokens, streamed.outputTokens]).toEqual([usage.inputTokens, usage.outputTokens]);
    },
    async errors(target) {
      const unknown = ask({ ...target, model: 'ogong/verified/no/such' });
      expectRefusal(await catchError(generate(unknown)), { status: 404, message: 'no/such' });
      let streamed: unknown;
      await stream({
        ...unknown,
        onError({ error }) {
          streamed = error;
        },
      }).consumeStream();
      expectRefusal(streamed, { status: 404, message: 'no/such' });
    },
    async 'context overflow'(target) {
      const error = await catchError(generate({ ...ask(target), prompt: LONG_QUESTION }));
      expectRefusal(error, { status: 400, message: overflow });
    },
    async 'JSON of a schema'(target) {
      const asked = ask(target, { maxOutputTokens: 200 });
      const { output } = await generate({ ...asked, output: Outputs.object({ schema: thing }) });
      expect(['red', 'green']).toContain(output.color);
      // The provider for Anthropic sends no bounds of numbers.
      expect(Number.isInteger(output.size)).toBe(true);
    },
    async tools(target) {
      const model = forcesCalls ? target.model : target.callingModel;
      const tools = offerWeather(({ city }) => `Sun in ${city}.`);
      const asked = { ...ask({ ...target, model }, { maxOutputTokens: 200 }), tools };
      const whole = await generate({ ...asked, ...(forcesCalls && { toolChoice: 'required' }) });
      const streaming = stream({
        ...asked,
        ...(forcesCalls && { toolChoice: { type: 'tool', toolName: WEATHER.name } }),
      });
      await streaming.consumeStream();
      const streamed = { toolCalls: await streaming.toolCalls, finishReason: await streaming.finishReason };
      for (const { toolCalls, finishReason } of [whole, streamed]) {
        expect(finishReason).toBe('tool-calls');
        expect(toolCalls).toMatchObject([{ toolName: WEATHER.name, input: { city: expect.stringMatching(CITY) } }]);
      }
      const { prompt, ...more } = asked;
      const messages = [{ role: 'user' as const, content: prompt }, ...whole.response.messages];
      const last = await generate({
        ...{ ...more, messages },
        ...(forcesCalls && { toolChoice: 'none' }),
      });
      expect(last.toolCalls).toEqual([]);
      expect(last.text).not.toBe('');
    },
    async 'tool loop'(target) {
      const { cities, call } = createWeather();
      const asked = {
        ...ask({ ...target, model: target.callingModel }, { maxOutputTokens: 200 }),
        ...{ tools: offerWeather(call), stopWhen: stepCount(3) },
      };
      const streaming = stream(asked);
      await streaming.consumeStream();
      for (const steps of [(await generate(asked)).steps, await streaming.steps]) {
        const reasons = steps.map(({ finishReason }) => finishReason);
        expect(reasons).toEqual(['tool-calls', 'stop']);
        expect(steps.at(-1)?.text).not.toBe('');
      }
      expect(cities).toEqual(['Paris', 'Paris']);
    },
  };
}
