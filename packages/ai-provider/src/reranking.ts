import type { RerankingModelV4 } from '@ai-sdk/provider';
import { splitOptions } from './fields.ts';
import { METADATA, readChecks } from './metadata.ts';
import { postChecked } from './post-checked.ts';

interface RerankAnswer {
  readonly id?: string;
  readonly results: readonly { readonly index: number; readonly relevance_score: number }[];
}

/** OpenAI's API has no rerankings, and so the SDK's provider for it has none. */
export function createRerankingModel({
  modelId,
  url,
  checked,
}: {
  readonly modelId: string;
  readonly url: string;
  readonly checked: typeof globalThis.fetch;
}): RerankingModelV4 {
  return {
    specificationVersion: 'v4',
    provider: `${METADATA}.reranking`,
    modelId,
    async doRerank({ documents, query, topN, providerOptions, headers, abortSignal }) {
      const { fields, rest } = splitOptions(providerOptions);
      const values = documents.type === 'text' ? documents.values : documents.values.map((one) => JSON.stringify(one));
      const more = { ...(topN !== undefined && { top_n: topN }), ...(fields && { ogong: fields }) };
      const body = { model: modelId, query, documents: values, ...rest[METADATA], ...more };
      const answer = await postChecked<RerankAnswer>(checked, { url, body, headers, abortSignal });
      return {
        ranking: answer.results.map(({ index, relevance_score: relevanceScore }) => ({ index, relevanceScore })),
        response: { modelId, body: answer },
        providerMetadata: readChecks(answer) ?? {},
      };
    },
  };
}
