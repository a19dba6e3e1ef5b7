import { qwen3 } from './architectures/qwen.ts';
import { writeRandomArchitecture } from './architectures/random-architecture.ts';
import { EMBEDDING, matrix, u32 } from './architectures/recipe.ts';

/** llama.h, enum llama_pooling_type. */
const RANK = 4;

/** Texts around a query and a document, with control tokens of `stories260K`. */
export const RERANK_TEMPLATE = '<s>Find: {query}\nIn: {document}</s>';

/**
 * Writes a reranker as llama.cpp converts Qwen3-Reranker, with random weights. The file itself has the form of the pair.
 * The last token's hidden state gives the likelihoods of two words. Equal arguments give equal bytes.
 * @param vocabularyFrom a GGUF file of `stories260K`.
 * @param labels names of the two scores.
 */
export function writeRandomReranker(
  target: string,
  {
    vocabularyFrom,
    template = RERANK_TEMPLATE,
    labels = ['yes', 'no'],
  }: { vocabularyFrom: string; template?: string; labels?: readonly string[] },
): void {
  const keys = {
    ...{ ...qwen3.keys, pooling_type: u32(RANK) },
    'classifier.output_labels': { type: 'array', of: 'string', value: labels },
  } as const;
  const tensors = [...qwen3.tensors, matrix('cls.output.weight', EMBEDDING, labels.length, { gain: 0.3 })];
  const more = { 'tokenizer.chat_template.rerank': { type: 'string', value: template } } as const;
  writeRandomArchitecture(target, { recipe: { ...qwen3, keys, tensors }, seed: 7, vocabularyFrom, more });
}
