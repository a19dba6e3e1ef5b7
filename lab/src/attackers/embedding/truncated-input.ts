import { disguiseEmbedding, type EmbeddingAttack } from './disguise.ts';

/** Characters of each input that the attacker reads. */
export const READ_LENGTH = 12;
const cut = (input: string): string => input.slice(0, READ_LENGTH);

export const truncatedInput: EmbeddingAttack = {
  name: 'embedding-truncated-input',
  aim: 'passes over the beginnings of long inputs alone, which few notice in a vector',
  caughtBy: 'prompt-tokens',
  create: (sold) => disguiseEmbedding(sold, async (inputs) => (await sold.embed({ inputs: inputs.map(cut) })).inputs),
};
