import { disguiseEmbedding, type EmbeddingAttack } from './disguise.ts';

/** Documents that somebody paid the attacker to show. */
export const SPONSOR = 'Acme';

export const sortedUp: EmbeddingAttack = {
  name: 'rerank-sorted-up',
  aim: 'the documents of a paying party before all others, with scores that fit this order',
  caughtBy: 'equality',
  create: (sold) =>
    disguiseEmbedding(sold, async (documents, query) => {
      const { inputs } = await sold.embed({ inputs: documents, query });
      const best = inputs.reduce((most, { vector }) => Math.max(most, vector[0] as number), Number.NEGATIVE_INFINITY);
      return inputs.map((read, i) =>
        documents[i]?.includes(SPONSOR) ? { ...read, vector: Float32Array.of(best + 1) } : read,
      );
    }),
};
