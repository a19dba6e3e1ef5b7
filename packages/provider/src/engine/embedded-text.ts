import { text } from '@ogong/host/config/values';
import { toPooled } from './pooled-reference.ts';

/** A chat model that also makes vectors. */
export const embeddedTextFields = {
  embeddedText: {
    schema: text,
    label: '<path|name>',
    repeatable: true,
    env: 'OGONG_EMBEDDED_TEXT',
    description:
      'chat model that also makes embeddings, by the mean of its hidden states. On the network it is two offers: give a --model-id and a --price for its chats, then for its embeddings. Such models come after those of --model',
  },
} as const;

/** Adds the models of `--embedded-text` to those of `--model`: each for its chats, and then for its vectors. */
export const addEmbeddedTexts = (model: readonly string[], embedded: readonly string[]): readonly string[] => [
  ...model,
  ...embedded.flatMap((reference) => [reference, toPooled(reference)]),
];
