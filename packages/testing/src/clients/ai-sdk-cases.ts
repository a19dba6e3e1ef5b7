import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import * as sdk7 from 'ai';
import * as sdk6 from 'ai-6';
import { createAnthropic as createAnthropic6 } from 'ai-6-anthropic';
import { createOpenAI as createOpenAI6 } from 'ai-6-openai';
import { createOpenAICompatible as createOpenAICompatible6 } from 'ai-6-openai-compatible';
import { createOllama } from 'ai-sdk-ollama';
import { Ollama } from 'ollama';
import { createOllama as createOllamaV2 } from 'ollama-ai-provider-v2';
import { expect } from 'vitest';
import { type AiSdk, createAiSdkRuns, type OpenLanguageModel, type ProviderRules } from './ai-sdk-runs.ts';
import { type ClientCase, type ClientTarget, LIMIT, listCases, QUESTION } from './client-case.ts';

/** Both versions have the same functions, and only differ in types. */
const VERSIONS = [
  {
    ...{ name: 'AI SDK 7', sdk: sdk7 as AiSdk },
    ...{ openAnthropic: createAnthropic, openOpenAi: createOpenAI, openCompatible: createOpenAICompatible },
  },
  {
    ...{ name: 'AI SDK 6', sdk: sdk6 as unknown as AiSdk },
    ...{ openAnthropic: createAnthropic6, openOpenAi: createOpenAI6, openCompatible: createOpenAICompatible6 },
  },
];

const configure = ({ origin, fetch }: ClientTarget) => ({ baseURL: `${origin}/v1`, apiKey: 'none', fetch });

const embedWith =
  ({ embedMany }: AiSdk, open: (target: ClientTarget) => sdk7.EmbeddingModel): ClientCase['run'] =>
  async (target) => {
    const { embeddings } = await embedMany({ model: open(target), values: ['a dog', 'a cat'], maxRetries: 0 });
    expect(embeddings).toHaveLength(2);
    expect(embeddings[0]).not.toEqual(embeddings[1]);
  };

export const AI_SDK_CASES: readonly ClientCase[] = VERSIONS.flatMap(
  ({ name, sdk, openAnthropic, openOpenAi, openCompatible }) => {
    const openNamed = (target: ClientTarget) =>
      openCompatible({
        ...{ name: 'ogong', ...configure(target) },
        ...{ includeUsage: true, supportsStructuredOutputs: true },
      });
    const openAi: ProviderRules = { overflow: 'maximum context length' };
    // The API of responses has no stop strings.
    const openResponses: OpenLanguageModel = (target) => openOpenAi(configure(target)).responses(target.model);
    const { stop: _, ...responses } = createAiSdkRuns(sdk, openResponses, openAi);
    return [
      ...listCases(
        { name: `${name}: openai-compatible`, api: 'OpenAI' },
        {
          ...createAiSdkRuns(sdk, (target) => openNamed(target).chatModel(target.model), openAi),
          embeddings: embedWith(sdk, (target) => openNamed(target).embeddingModel(target.embeddingModel)),
        },
      ),
      ...listCases({ name: `${name}: openai (responses)`, api: 'OpenAI' }, responses),
      ...listCases(
        { name: `${name}: anthropic`, api: 'Anthropic' },
        createAiSdkRuns(sdk, (target) => openAnthropic(configure(target))(target.model), {
          overflow: 'prompt is too long',
        }),
      ),
    ];
  },
);

const overflow = 'exceeds the context length';

/** Providers that call Ollama's API, for AI SDK 7. */
export const AI_SDK_OLLAMA_CASES: readonly ClientCase[] = [
  ...listCases(
    { name: 'AI SDK 7: ollama-ai-provider-v2', api: 'Ollama' },
    {
      ...listOllamaV2Runs(),
      embeddings: embedWith(sdk7, (target) => openV2(target).embedding(target.embeddingModel)),
    },
  ),
  ...listCases(
    { name: 'AI SDK 7: ai-sdk-ollama', api: 'Ollama' },
    {
      ...createAiSdkRuns(sdk7, (target) => openOllama(target)(target.model), {
        ...{ forcesCalls: false, overflow },
        // This provider wraps the error of the package `ollama`.
        expectError(error, { status, message }) {
          expect(error).toMatchObject({ name: 'OllamaError', cause: { status_code: status } });
          expect((error as Error).message).toContain(message);
        },
      }),
      embeddings: embedWith(sdk7, (target) => openOllama(target).embedding(target.embeddingModel)),
    },
  ),
];

function listOllamaV2Runs(): ReturnType<typeof createAiSdkRuns> {
  const runs = createAiSdkRuns(sdk7, (target) => openV2(target)(target.model), {
    ...{ forcesCalls: false, overflow },
    // This provider ignores the AI SDK's own limits and temperature.
    writeLimits: ({ maxOutputTokens: num_predict, stopSequences: stop }) => ({
      ollama: { options: { temperature: 0, num_predict, ...(stop && { stop }) } },
    }),
    // It takes its message from a field that Ollama's errors do not have.
    expectError: (error, { status, message }) =>
      expect(error).toMatchObject({ statusCode: status, responseBody: expect.stringContaining(message) }),
  });
  // It turns thinking off in every request, which changes the prompt.
  const compareUnthinking =
    (run: ClientCase['run'] | undefined): ClientCase['run'] =>
    async (target) => {
      const { model, fetch } = target;
      const client = new Ollama({ host: target.origin, fetch });
      const messages = [{ role: 'user', content: QUESTION }];
      const options = { temperature: 0, num_predict: LIMIT };
      const { content } = (await client.chat({ model, messages, options, think: false })).message;
      await run?.({ ...target, answer: content, stop: content.trim().split(' ')[3] as string });
    };
  const { answer, stream, stop } = runs;
  return {
    ...runs,
    answer: compareUnthinking(answer),
    stream: compareUnthinking(stream),
    stop: compareUnthinking(stop),
  };
}

function openV2({ origin, fetch }: ClientTarget) {
  return createOllamaV2({ baseURL: `${origin}/api`, fetch });
}

function openOllama({ origin, fetch }: ClientTarget) {
  return createOllama({ baseURL: origin, fetch });
}
