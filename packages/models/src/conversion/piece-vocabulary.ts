import { ModelError } from '../model-error.ts';
import type { Vocabulary } from './byte-vocabulary.ts';
import { placeTokens, readMerges, TOKEN_TYPES, type VocabularyOptions, type VocabularyParts } from './vocabulary.ts';

/** SentencePiece allows pieces of 16 characters, unless a trainer raises that. */
const MAX_PIECE_LENGTH = 64;
const BYTE = /^<0x[0-9A-F]{2}>$/;

/**
 * Builds the vocabulary of a tokenizer that SentencePiece trained with merges of characters, as those of Llama 2. llama.cpp merges two
 * neighbours if their text is a token, the token with the highest score first. So the score of a token is the place of its merges.
 * @throws ModelError `not-convertible` for merges that no scores describe.
 */
export function buildPieceVocabulary(parts: VocabularyParts, options: VocabularyOptions): Vocabulary {
  const { path } = options;
  const { model, added } = parts;
  const typeOf = (text: string): number => {
    if (text === model.unk_token) return TOKEN_TYPES.unknown;
    return BYTE.test(text) ? TOKEN_TYPES.byte : TOKEN_TYPES.normal;
  };
  const { tokens, types, ids } = placeTokens(parts, options, typeOf);
  for (let byte = 0; byte < 256; byte++)
    if (!ids.has(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`))
      throw new ModelError('not-convertible', `${path} has no token for the byte ${byte}`);
  const products = readMerges(model, ids, path).map((pair) => pair.join(''));
  const scores = rankProducts(products, path);
  assertComplete({ products, ids, added: new Set(added.map(({ content }) => content)) }, path);
  return {
    entries: [
      ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
      ['tokenizer.ggml.scores', { type: 'array', of: 'f32', value: tokens.map((text) => -(scores.get(text) ?? 0)) }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: types }],
      ['tokenizer.ggml.add_space_prefix', { type: 'bool', value: true }],
    ],
    ids,
  };
}

/** Returns the place of each product, from 1 on. All merges that make one token have to follow each other. */
function rankProducts(products: readonly string[], path: string): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  products.forEach((product, i) => {
    if (!ranks.has(product)) ranks.set(product, ranks.size + 1);
    else if (products[i - 1] !== product)
      throw new ModelError('not-convertible', `${path} has merges in an order that no scores of tokens describe`);
  });
  return ranks;
}

/** Checks that each pair of tokens whose text is a token is a merge, because llama.cpp merges it in any case. */
function assertComplete(
  {
    products,
    ids,
    added,
  }: {
    readonly products: readonly string[];
    readonly ids: ReadonlyMap<string, number>;
    readonly added: ReadonlySet<string>;
  },
  path: string,
): void {
  const counts = new Map<string, number>();
  for (const product of products) counts.set(product, (counts.get(product) ?? 0) + 1);
  for (const text of ids.keys()) {
    if (added.has(text) || BYTE.test(text)) continue;
    if (text.length > MAX_PIECE_LENGTH)
      throw new ModelError('not-convertible', `${path} has a token of ${text.length} characters`);
    let pairs = 0;
    // Half of a character is no token.
    for (let at = 1; at < text.length; at++) if (ids.has(text.slice(0, at)) && ids.has(text.slice(at))) pairs++;
    if (pairs !== (counts.get(text) ?? 0))
      throw new ModelError('not-convertible', `${path} does not merge each pair that makes a token, as llama.cpp does`);
  }
}
