import { disguiseEmbedding, type EmbeddingAttack } from './disguise.ts';

export const anotherModel: EmbeddingAttack = {
  name: 'embedding-another-model',
  aim: 'vectors of a smaller model for the price of the one that was asked for',
  caughtBy: 'equality',
  create: (sold, cheap) =>
    disguiseEmbedding(sold, async (inputs) => {
      const { inputs: made } = await cheap.embed({ inputs });
      // The tokens are the sold model's: they alone would give it away.
      return Promise.all(
        made.map(async ({ vector }, i) => ({ tokens: await sold.tokenize(inputs[i] as string), vector })),
      );
    }),
};
