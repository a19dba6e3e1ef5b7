import { APICallError, type RerankingModelV4 } from '@ai-sdk/provider';
import { splitOptions } from './fields.ts';
import { METADATA, readChecks } from './metadata.ts';

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
      const response = await checked(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...Object.fromEntries(Object.entries(headers ?? {}).filter(([, value]) => value !== undefined)),
        } as Record<string, string>,
        body: JSON.stringify(body),
        ...(abortSignal && { signal: abortSignal }),
      });
      if (!response.ok) throw await readRefusal(response, { url, requestBodyValues: body });
      const answer = (await response.json()) as RerankAnswer;
      return {
        ranking: answer.results.map(({ index, relevance_score: relevanceScore }) => ({ index, relevanceScore })),
        response: { modelId, body: answer },
        providerMetadata: readChecks(answer) ?? {},
      };
    },
  };
}

async function readRefusal(response: Response, call: { readonly url: string; readonly requestBodyValues: unknown }) {
  const responseBody = await response.text();
  let data: { error?: { message?: string } } | undefined;
  try {
    data = JSON.parse(responseBody);
  } catch {
    // It is shown as it came.
  }
  const message = data?.error?.message ?? `the gateway answered with status ${response.status}`;
  return new APICallError({ ...call, message, statusCode: response.status, responseBody, data });
}
