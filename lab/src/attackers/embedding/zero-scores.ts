import { disguiseEmbedding, type EmbeddingAttack } from './disguise.ts';

/** Scores the first document alone, and makes up a likelihood of zero for all others. */
export const zeroScores: EmbeddingAttack = {
  name: 'rerank-zero-scores',
  aim: 'the fee of a pass over every document for a pass over one of them',
  caughtBy: 'equality',
  create: (sold) =>
    disguiseEmbedding(sold, async (documents, query) => {
      const { inputs } = await sold.embed({ inputs: documents, query });
      return inputs.map((read, i) => (i === 0 ? read : { ...read, vector: Float32Array.of(0) }));
    }),
};
