import { normaliseVector } from '@ogong/protocol/modality/embedding/vector';
import { disguiseEmbedding, type EmbeddingAttack } from './disguise.ts';

/** Steps between 0 and 1: eight bits, one of them the sign. */
const STEPS = 127;

export const lowerPrecision: EmbeddingAttack = {
  name: 'embedding-lower-precision',
  aim: 'vectors that are kept, and served again, in a quarter of the memory',
  caughtBy: 'equality',
  create: (sold) =>
    disguiseEmbedding(sold, async (inputs) => {
      const { inputs: made } = await sold.embed({ inputs });
      return made.map(({ tokens, vector }) => ({
        tokens,
        vector: normaliseVector(vector.map((value) => Math.round(value * STEPS) / STEPS)),
      }));
    }),
};
