import type { GgufValue } from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';
import { placeTokens, readMerges, type VocabularyOptions, type VocabularyParts } from './vocabulary.ts';

/** Metadata of a vocabulary, and its ids by text. */
export interface Vocabulary {
  readonly entries: readonly (readonly [string, GgufValue])[];
  readonly ids: ReadonlyMap<string, number>;
}

/**
 * Builds the vocabulary of a tokenizer that merges bytes, as GPT-2 does.
 * @param preTokenizer llama.cpp's name of the way in which text is cut.
 * @throws ModelError
 */
export function buildByteVocabulary(
  parts: VocabularyParts,
  preTokenizer: string,
  options: VocabularyOptions,
): Vocabulary {
  const { tokens, types, ids } = placeTokens(parts, options);
  assertBytes(ids, options.path);
  const merges = readMerges(parts.model, ids, options.path).map(([left, right]) => `${left} ${right}`);
  return {
    entries: [
      ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
      ['tokenizer.ggml.pre', { type: 'string', value: preTokenizer }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: types }],
      ['tokenizer.ggml.merges', { type: 'array', of: 'string', value: merges }],
    ],
    ids,
  };
}

/**
 * Checks that each byte of UTF-8 has a token. Without it transformers and llama.cpp would spell some text differently. Bytes are written
 * as the characters of GPT-2: printable ones of Latin-1 as themselves, others from U+0100 on.
 */
function assertBytes(ids: ReadonlyMap<string, number>, path: string): void {
  let shifted = 0;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    const character = String.fromCharCode(isPrintable ? byte : 0x100 + shifted++);
    const isUsed = byte < 0xc0 || (byte > 0xc1 && byte < 0xf5);
    if (isUsed && !ids.has(character))
      throw new ModelError('not-convertible', `${path} has no token for the byte ${byte} of UTF-8`);
  }
}
