import { disguiseEmbedding, type EmbeddingAttack } from './disguise.ts';
import { READ_LENGTH } from './truncated-input.ts';

export const hiddenTruncation: EmbeddingAttack = {
  name: 'embedding-hidden-truncation',
  aim: 'the same, with all of the tokens committed and billed',
  caughtBy: 'equality',
  create: (sold) =>
    disguiseEmbedding(sold, async (inputs) => {
      const { inputs: made } = await sold.embed({ inputs: inputs.map((input) => input.slice(0, READ_LENGTH)) });
      return Promise.all(
        made.map(async ({ vector }, i) => ({ tokens: await sold.tokenize(inputs[i] as string), vector })),
      );
    }),
};
