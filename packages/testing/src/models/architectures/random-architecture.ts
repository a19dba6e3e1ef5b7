import { readGgufHeader } from '@ogong/models/gguf/read';
import { GgufError, type GgufValue } from '@ogong/models/gguf/types';
import { type GgufTensorSource, writeGguf } from '@ogong/models/gguf/write';
import { createGenerator, randomHalves } from '../random-model.ts';
import { type ArchitectureRecipe, type RecipeTensor, VOCABULARY } from './recipe.ts';

const WORDS = 'tokenizer.ggml.tokens';
const F32 = 0;
const F16 = 1;

/**
 * Writes a model with random weights of a recipe's architecture. Equal arguments give equal bytes.
 * @param vocabularyFrom a GGUF file of `stories260K`.
 * @param more further fields of the file, by full names.
 * @throws GgufError if that file has another number of words.
 */
export function writeRandomArchitecture(
  target: string,
  {
    recipe,
    seed,
    vocabularyFrom,
    more = {},
  }: {
    recipe: ArchitectureRecipe;
    seed: number;
    vocabularyFrom: string;
    more?: Readonly<Record<string, GgufValue>>;
  },
): void {
  const { metadata: donor } = readGgufHeader(vocabularyFrom);
  const tokens = donor.get(WORDS)?.value;
  if (!Array.isArray(tokens) || tokens.length !== VOCABULARY)
    throw new GgufError(`${vocabularyFrom} does not have the ${VOCABULARY} words that a recipe needs`);
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', text(recipe.architecture)],
    ['general.name', text(`random-${recipe.name}-${seed}`)],
    ['general.file_type', { type: 'u32', value: F16 }],
    ...Object.entries({ ...recipe.keys, vocab_size: { type: 'u32', value: VOCABULARY } as const }).map(
      ([key, value]): [string, GgufValue] => [`${recipe.architecture}.${key}`, value],
    ),
    ...[...donor].filter(([key]) => key.startsWith('tokenizer.ggml.')),
    ...(recipe.lastWord === undefined
      ? []
      : [[WORDS, { type: 'array', of: 'string', value: [...tokens.slice(0, -1), recipe.lastWord] }] as const]),
    ...Object.entries(more),
  ]);
  // A state of zero would stay zero.
  const next = createGenerator(seed || 1);
  writeGguf(target, { metadata, tensors: recipe.tensors.map((tensor) => toSource(tensor, next)) });
}

function toSource(tensor: RecipeTensor, next: () => number): GgufTensorSource {
  const { name, dimensions } = tensor;
  const count = dimensions.reduce((product, size) => product * size, 1);
  if (tensor.type === 'f16')
    return { name, dimensions, type: F16, read: () => randomHalves(next, count, tensor.scale) };
  const { low, high } = tensor;
  return {
    ...{ name, dimensions, type: F32 },
    read: () => [
      new Uint8Array(Float32Array.from({ length: count }, () => low + (next() / 2 ** 32) * (high - low)).buffer),
    ],
  };
}
