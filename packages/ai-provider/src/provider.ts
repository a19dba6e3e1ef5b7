import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type {
  EmbeddingModelV4,
  LanguageModelV4,
  ProviderV4,
  RerankingModelV4,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider';
import { type ClientOptions, createCheckedFetch } from '@ogong/sdk';
import { addFields, type OgongOptions, splitOptions } from './fields.ts';
import { METADATA, readChecks } from './metadata.ts';
import { createImageModel } from './pictures.ts';
import { createRerankingModel } from './reranking.ts';

/** Of one request (docs/spec/embedding.md). The AI SDK asks for more of them in several requests. */
const MOST_INPUTS = 256;

/** As for `createClient` of `@ogong/sdk`: the gateway, trusted values, whether requests are sealed. */
export type OgongSettings = ClientOptions;

export interface OgongProvider extends ProviderV4 {
  (modelId: string): LanguageModelV4;
  rerankingModel(modelId: string): RerankingModelV4;
}

/**
 * A provider for the Vercel AI SDK. An answer that fails a check does not reach the SDK. It becomes an `APICallError` of status 422 that is
 * not tried again, or an error within a stream. The checks stand in `providerMetadata.ogong.checked` of each result.
 */
export function createOgong(settings: OgongSettings): OgongProvider {
  const origin = settings.baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
  const baseURL = `${origin}/v1`;
  const checked = createCheckedFetch({ ...settings, baseUrl: origin });
  const open = (fetch: typeof globalThis.fetch) =>
    createOpenAICompatible({
      name: METADATA,
      baseURL,
      fetch,
      includeUsage: true,
      supportsStructuredOutputs: true,
      metadataExtractor: {
        extractMetadata: async ({ parsedBody }) => readChecks(parsedBody),
        createStreamExtractor() {
          let last: unknown;
          return {
            processChunk(chunk) {
              // The last chunk comes once all is checked.
              last = chunk;
            },
            buildMetadata: () => readChecks(last),
          };
        },
      },
    });
  const compatible = open(checked);

  function languageModel(modelId: string): LanguageModelV4 {
    const model = compatible.chatModel(modelId);
    const nest = <T extends { providerOptions?: SharedV4ProviderOptions }>(options: T): T => {
      const { fields, rest } = splitOptions(options.providerOptions);
      // The SDK's provider writes unknown fields into the body unchanged.
      const own = { ...rest[METADATA], ...(fields && { ogong: fields as OgongOptions }) };
      return { ...options, providerOptions: { ...rest, [METADATA]: own } };
    };
    return {
      specificationVersion: model.specificationVersion,
      provider: model.provider,
      modelId,
      supportedUrls: model.supportedUrls,
      doGenerate: (options) => model.doGenerate(nest(options)),
      doStream: (options) => model.doStream(nest(options)),
    };
  }

  function embeddingModel(modelId: string): EmbeddingModelV4 {
    const { specificationVersion, provider, supportsParallelCalls } = compatible.embeddingModel(modelId);
    return {
      ...{ specificationVersion, provider, modelId, supportsParallelCalls },
      maxEmbeddingsPerCall: MOST_INPUTS,
      async doEmbed(options) {
        const { fields, rest } = splitOptions(options.providerOptions);
        // The SDK's provider drops unknown options of an embedding.
        const model = open(addFields(checked, fields)).embeddingModel(modelId);
        const result = await model.doEmbed({ ...options, providerOptions: rest });
        return { ...result, providerMetadata: readChecks(result.response?.body) ?? {} };
      },
    };
  }

  return Object.assign((modelId: string) => languageModel(modelId), {
    specificationVersion: 'v4' as const,
    languageModel,
    embeddingModel,
    rerankingModel: (modelId: string) => createRerankingModel({ modelId, url: `${baseURL}/rerank`, checked }),
    imageModel: (modelId: string) =>
      createImageModel({ modelId, url: `${baseURL}/images/generations`, editUrl: `${baseURL}/images/edits`, checked }),
  });
}
