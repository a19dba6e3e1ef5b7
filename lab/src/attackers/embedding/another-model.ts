import { disguiseEmbedding, type EmbeddingAttack } from './disguise.ts';

export const anotherModel: EmbeddingAttack = {
  name: 'embedding-another-model',
  aim: 'vectors of a smaller model for the price of the one that was asked for',
  caughtBy: 'equality',
  create: (sold, cheap) =>
    disguiseEmbedding(sold, async (inputs) => {
      const { inputs: made } = await cheap.embed({ inputs });
      // It reports the tokens of the sold model, because its own would give it away.
      return Promise.all(
        made.map(async ({ vector }, i) => ({ tokens: await sold.tokenize(inputs[i] as string), vector })),
      );
    }),
};
