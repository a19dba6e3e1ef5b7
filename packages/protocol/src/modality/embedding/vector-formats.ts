import { toBase64 } from '../../base/bytes.ts';
import type { EmbeddingRequest, EncodingFormat, VectorRequest } from './request.ts';
import { type RerankRequest, rankDocuments } from './rerank.ts';
import { encodeVector } from './vector.ts';

type VectorWords = Readonly<Record<string, unknown>>;

/** Formats a body in OpenAI's form. JSON numbers name each f32 exactly; base64 encodes its bytes. */
export function formatEmbeddings(
  { model, encodingFormat }: Pick<VectorRequest, 'model' | 'encodingFormat'>,
  { vectors, promptTokens }: { readonly vectors: readonly Float32Array[]; readonly promptTokens: number },
): VectorWords {
  const show = SHOWN[encodingFormat];
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: show(vector) })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

const SHOWN: Readonly<Record<EncodingFormat, (vector: Float32Array) => readonly number[] | string>> = {
  float: (vector) => [...vector],
  base64: (vector) => toBase64(encodeVector(vector)),
};

/** Formats a body in the form of Jina, Cohere and vLLM. Each score is the committed one, and its JSON number is exact. */
export function formatRerank(
  { model, inputs, topN, returnsDocuments }: Pick<RerankRequest, 'model' | 'inputs' | 'topN' | 'returnsDocuments'>,
  { scores, promptTokens }: { readonly scores: readonly number[]; readonly promptTokens: number },
): VectorWords {
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

/**
 * Formats either, by the request. It also returns the data for the receipt, if the answer does not show everything that was
 * signed.
 */
export function formatVectorAnswer(
  request: EmbeddingRequest,
  { vectors, promptTokens }: { readonly vectors: readonly Float32Array[]; readonly promptTokens: number },
): { readonly words: VectorWords; readonly proof: VectorWords } {
  if (request.endpoint !== 'rerank') {
    return { words: formatEmbeddings(request as VectorRequest, { vectors, promptTokens }), proof: {} };
  }
  const scores = vectors.map(([score]) => score as number);
  return { words: formatRerank(request as RerankRequest, { scores, promptTokens }), proof: { scores } };
}
