import { z } from 'zod';
import type { GgufValue } from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';

/** llama.h, enum llama_token_type. */
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

const MAX_TOKENS = 1 << 20;
const MAX_MERGES = 1 << 21;
const MAX_TOKEN_LENGTH = 1 << 14;

const id = z.int().min(0).max(MAX_TOKENS);
const tokenText = z.string().min(1).max(MAX_TOKEN_LENGTH);

/** A token that is found in text before the text is cut. */
export const addedToken = z.object({
  id,
  content: tokenText,
  special: z.boolean().default(false),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
});

const nothing = z.union([z.null(), z.literal('')]).optional();

/** `model` of tokenizer.json: merges of bytes, without any of the variants that llama.cpp does not know. */
export const byteModel = z.object({
  type: z.literal('BPE'),
  dropout: z.union([z.null(), z.literal(0)]).optional(),
  continuing_subword_prefix: nothing,
  end_of_word_suffix: nothing,
  byte_fallback: z.literal(false).optional(),
  ignore_merges: z.boolean().default(false),
  vocab: z.record(tokenText, id),
  merges: z.array(z.union([z.string().max(2 * MAX_TOKEN_LENGTH), z.tuple([tokenText, tokenText])])).max(MAX_MERGES),
});

/** Tokens of a model by their ids. */
export interface Vocabulary {
  /** `tokenizer.ggml.tokens`, `token_type` and `merges`. */
  readonly entries: readonly (readonly [string, GgufValue])[];
  /** Ids by text. */
  readonly ids: ReadonlyMap<string, number>;
}

/**
 * Builds the vocabulary of a GGUF file. Ids without a token get a name that no text contains.
 * @param size rows of the token embedding. @param path of tokenizer.json, for errors.
 * @throws ModelError `corrupt` for ids or merges that cannot be, `not-convertible` for a token that takes the spaces beside it.
 */
export function buildVocabulary(
  { vocab, merges }: Pick<z.infer<typeof byteModel>, 'vocab' | 'merges'>,
  added: readonly z.infer<typeof addedToken>[],
  { size, path }: { readonly size: number; readonly path: string },
): Vocabulary {
  const corrupt = (message: string): never => {
    throw new ModelError('corrupt', `${path}: ${message}`);
  };
  const ids = new Map<string, number>();
  const tokens: string[] = Array.from({ length: size }, (_, i) => `[PAD${i}]`);
  const types: number[] = Array.from({ length: size }, () => UNUSED);
  const place = (text: string, at: number, type: number): void => {
    if (at >= size) corrupt(`token ${at} is outside of the ${size} rows of the embedding`);
    if ((ids.get(text) ?? at) !== at || (types[at] !== UNUSED && tokens[at] !== text))
      corrupt(`two tokens share the id ${at} or one text`);
    ids.set(text, at);
    tokens[at] = text;
    types[at] = type;
  };
  for (const [text, at] of Object.entries(vocab)) place(text, at, NORMAL);
  assertBytes(ids, path);
  for (const { content, id: at, special, ...strips } of added) {
    if (strips.lstrip || strips.rstrip || strips.single_word)
      throw new ModelError('not-convertible', `${path}: the token ${at} takes spaces beside it, which GGUF cannot say`);
    place(content, at, special ? CONTROL : USER_DEFINED);
  }
  const pairs = merges.map((merge) => {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge;
    const [left = '', right = ''] = parts;
    if (parts.length !== 2 || left.includes(' ') || right.includes(' ')) corrupt('a merge that is no pair of tokens');
    if (!ids.has(left) || !ids.has(right) || !ids.has(left + right)) corrupt('a merge of tokens that do not exist');
    return `${left} ${right}`;
  });
  return {
    entries: [
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: types }],
      ['tokenizer.ggml.merges', { type: 'array', of: 'string', value: pairs }],
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
      throw new ModelError(
        'not-convertible',
        `${path} has no token for the byte ${byte}; only merges of bytes are converted`,
      );
  }
}
