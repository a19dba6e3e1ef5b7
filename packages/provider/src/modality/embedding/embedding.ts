import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import type { ProviderModality } from '../modality.ts';
import { rerunReport } from '../rerun-report.ts';
import { vectorEndpoints } from './embed-locally.ts';
import { openEmbeddingJob } from './score-embedding.ts';
import { embeddingOrders } from './serve-embedding.ts';

/** Vectors of texts, and the scores of a reranker. */
export const embeddingModality = {
  specificationVersion: 'embedding-v1',
  name: embedding.name,
  modelNoun: 'an embedding model',
  writes: false,
  // Inputs are computed one after the other.
  countSequences: () => 1,
  describe(engine) {
    const { embeddingSize, pooling } = engine.info();
    return { embeddingSize, pooling };
  },
  wrapOnDemand: ({ use }) => ({
    specificationVersion: 'embedding-v1',
    embed: (request, options) => use((engine) => engine.embed(request, options)),
    tokenize: (input, query) => use((engine) => engine.tokenize(input, query)),
  }),
  orders: embeddingOrders,
  openScoreJob: openEmbeddingJob,
  rerun: (claim, means) => rerunReport<EmbeddingEngine>(openEmbeddingJob, claim, means),
  atOnce: vectorEndpoints,
  findMisuse(engine, use) {
    const does = engine.info().pooling === 'rank' ? 'reranking' : 'embeddings';
    if (does === use) return undefined;
    return use === 'reranking'
      ? `${use}: it makes vectors; a reranker has a classifier, and its file names pooling type rank`
      : use;
  },
  // Ollama has no word for reranking.
  listCapabilities: ({ isReranker }) => (isReranker ? [] : ['embedding']),
} satisfies ProviderModality<EmbeddingEngine>;
