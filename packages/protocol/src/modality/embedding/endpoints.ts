import type { EndpointInfo } from '../endpoint-info.ts';

/** Endpoints of vectors and scores, in the order of their codes in headers and summaries. */
export const EMBEDDING_ENDPOINT_INFO = {
  embedding: { path: '/v1/embeddings', idPrefix: 'embd', operation: 'embeddings', use: 'embeddings', isOpenAi: true },
  rerank: { path: '/v1/rerank', idPrefix: 'rank', operation: 'rerank', use: 'reranking', isOpenAi: false },
} as const satisfies Readonly<Record<string, EndpointInfo>>;
