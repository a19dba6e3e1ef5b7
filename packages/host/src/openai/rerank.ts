import type { RerankRequest } from '@ogong/protocol/modality/embedding/rerank';
import { rankDocuments } from '@ogong/protocol/modality/embedding/rerank';
import type { Json } from './format.ts';

/** A body in the words of Jina, Cohere and vLLM: each score is the committed one, which its JSON number names exactly. */
export function formatRerank(
  { model, inputs, topN, returnsDocuments }: Pick<RerankRequest, 'model' | 'inputs' | 'topN' | 'returnsDocuments'>,
  { scores, promptTokens }: { readonly scores: readonly number[]; readonly promptTokens: number },
): Json {
  return {
    object: 'list',
    model,
    results: rankDocuments(scores, topN).map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(returnsDocuments ? { document: { text: inputs[index] as string } } : {}),
    })),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}
