import { ChatAnthropic } from '@langchain/anthropic';
import { ContextOverflowError } from '@langchain/core/errors';
import type { StructuredOutputMethodOptions } from '@langchain/core/language_models/base';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { type AIMessageChunk, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { expect } from 'vitest';
import {
  CITY,
  CITY_OBJECT,
  type ClientCase,
  type ClientTarget,
  catchError,
  createWeather,
  cutAtStop,
  LIMIT,
  LONG_QUESTION,
  listCases,
  QUESTION,
  THING_OBJECT,
  WEATHER,
} from './client-case.ts';

type Open = (target: ClientTarget, maxTokens?: number) => BaseChatModel;

const configure = ({ origin, fetch }: ClientTarget) => ({ baseURL: `${origin}/v1`, fetch });

const openChat =
  (useResponsesApi = false): Open =>
  (target, maxTokens = LIMIT) =>
    new ChatOpenAI({
      ...{ model: target.model, apiKey: 'none', configuration: configure(target) },
      ...{ temperature: 0, maxTokens, maxRetries: 0, useResponsesApi },
    });

const openAnthropic: Open = ({ model, origin, fetch }, maxTokens = LIMIT) =>
  new ChatAnthropic({
    ...{ model, apiKey: 'none', anthropicApiUrl: origin, clientOptions: { fetch } },
    ...{ temperature: 0, maxTokens, maxRetries: 0 },
  });

const openOllama: Open = ({ model, origin, fetch }, numPredict = LIMIT) =>
  new ChatOllama({ model, baseUrl: origin, fetch, temperature: 0, numPredict, maxRetries: 0 });

const question = [new HumanMessage(QUESTION)];

/** The message type does not declare this field. */
const readUsage = (message: object) =>
  (message as { usage_metadata?: { input_tokens: number; output_tokens: number; total_tokens: number } })
    .usage_metadata;

interface ChatModelRules {
  /** False: its API has no tool choice, so that the model decides whether it calls. Default: true. */
  readonly forcesCalls?: boolean;
  /** Fields of its errors. */
  readonly unknownModel: object;
  readonly overflow: object;
  /** How it requests a schema. Default: as the arguments of a tool. */
  readonly schema?: StructuredOutputMethodOptions;
}

/** Creates the cases that all chat models of LangChain share. */
const createRuns = (
  open: Open,
  { forcesCalls = true, unknownModel, overflow, schema = {} }: ChatModelRules,
): Partial<Record<ClientCase['feature'], ClientCase['run']>> => ({
  async answer(target) {
    expect((await open(target).invoke(question)).text).toBe(target.answer);
  },
  async stream(target) {
    let text = '';
    for await (const chunk of await open(target).stream(question)) text += chunk.text;
    expect(text).toBe(target.answer);
  },
  async stop(target) {
    const { text } = await open(target).invoke(question, { stop: [target.stop] });
    expect(text).toBe(cutAtStop(target));
  },
  async 'token limit'(target) {
    expect(readUsage(await open(target, 3).invoke(question))?.output_tokens).toBe(3);
  },
  async usage(target) {
    const usage = readUsage(await open(target).invoke(question));
    expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0));
    expect(usage?.input_tokens).toBeGreaterThan(0);
  },
  async errors(target) {
    const lost = open({ ...target, model: 'ogong/verified/no/such' });
    expect(await catchError(lost.invoke(question))).toMatchObject(unknownModel);
    expect(await catchError(lost.stream(question))).toMatchObject(unknownModel);
  },
  async 'context overflow'(target) {
    const error = await catchError(open(target).invoke([new HumanMessage(LONG_QUESTION)]));
    expect(error).toMatchObject(overflow);
  },
  async 'JSON of a schema'(target) {
    const model = open(target, 200);
    const thing = await model.withStructuredOutput(THING_OBJECT, { name: 'thing', ...schema }).invoke(question);
    expect(thing).toMatchObject({ color: expect.stringMatching(/red|green/), size: expect.any(Number) });
  },
  async tools(target) {
    const model = open(forcesCalls ? target : { ...target, model: target.callingModel }, 200);
    // Chat models do not send `required` in requests for responses.
    const forced = model.bindTools?.(
      [{ type: 'function', function: WEATHER }],
      forcesCalls ? { tool_choice: WEATHER.name } : {},
    );
    const whole = await forced?.invoke(question);
    let streamed: AIMessageChunk | undefined;
    for await (const chunk of (await forced?.stream(question)) ?? []) streamed = streamed?.concat(chunk) ?? chunk;
    for (const message of [whole, streamed]) {
      expect(message?.tool_calls).toMatchObject([{ name: WEATHER.name, args: { city: expect.stringMatching(CITY) } }]);
    }
    const answers = (whole?.tool_calls ?? []).map(
      ({ id }) => new ToolMessage({ tool_call_id: id as string, content: 'Sun.' }),
    );
    const last = await open(target).invoke([...question, whole as AIMessageChunk, ...answers]);
    expect(last.text).not.toBe('');
  },
  async 'tool loop'(target) {
    const { cities, call } = createWeather();
    const { name, description } = WEATHER;
    const weather = tool(call, { name, description, schema: CITY_OBJECT });
    const model = open({ ...target, model: target.callingModel }, 120).bindTools?.([weather]);
    const messages: BaseMessage[] = [...question];
    for (let turn = 0; turn < 3; turn++) {
      const answer = (await model?.invoke(messages)) as AIMessageChunk;
      messages.push(answer);
      if (answer.tool_calls?.length === 0) break;
      for (const called of answer.tool_calls ?? [])
        messages.push((await weather.invoke({ ...called, type: 'tool_call' })) as ToolMessage);
    }
    expect(messages.map(({ type }) => type)).toEqual(['human', 'ai', 'tool', 'ai']);
    expect(messages.at(-1)?.text).not.toBe('');
    expect(cities).toEqual(['Paris']);
  },
});

const expectVectors = (vectors: readonly (readonly number[])[]): void => {
  expect(vectors).toHaveLength(2);
  expect(vectors[0]).not.toEqual(vectors[1]);
};

const unknownModel = { status: 404, lc_error_code: 'MODEL_NOT_FOUND' };
const overflow = { name: ContextOverflowError.name };
const openAi: ChatModelRules = { unknownModel, overflow, schema: { method: 'jsonSchema', strict: true } };
// The API of responses has no stop strings.
const { stop: _, ...responses } = createRuns(openChat(true), openAi);

export const LANGCHAIN_CASES: readonly ClientCase[] = [
  ...listCases(
    { name: 'LangChain JS: ChatOpenAI', api: 'OpenAI' },
    {
      ...createRuns(openChat(), openAi),
      async embeddings(target) {
        const { embeddingModel: model } = target;
        const settings = { model, apiKey: 'none', configuration: configure(target), maxRetries: 0 };
        expectVectors(await new OpenAIEmbeddings(settings).embedDocuments(['a dog', 'a cat']));
      },
    },
  ),
  ...listCases({ name: 'LangChain JS: ChatOpenAI (responses)', api: 'OpenAI' }, responses),
  ...listCases(
    { name: 'LangChain JS: ChatAnthropic', api: 'Anthropic' },
    createRuns(openAnthropic, { unknownModel, overflow }),
  ),
  ...listCases(
    { name: 'LangChain JS: ChatOllama', api: 'Ollama' },
    {
      ...createRuns(openOllama, {
        forcesCalls: false,
        unknownModel: { name: 'ResponseError', status_code: 404 },
        overflow: { name: 'ResponseError', status_code: 400 },
        schema: { method: 'jsonSchema' },
      }),
      async embeddings({ embeddingModel: model, origin: baseUrl, fetch }) {
        const embeddings = new OllamaEmbeddings({ model, baseUrl, fetch, maxRetries: 0 });
        expectVectors(await embeddings.embedDocuments(['a dog', 'a cat']));
      },
    },
  ),
];
