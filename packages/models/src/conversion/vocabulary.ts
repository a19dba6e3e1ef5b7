import { z } from 'zod';
import { ModelError } from '../model-error.ts';

/** llama.h, enum llama_token_type. */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const MAX_TOKENS = 1 << 20;
const MAX_MERGES = 1 << 21;
const MAX_TOKEN_LENGTH = 1 << 14;

const id = z
  .int()
  .min(0)
  .max(MAX_TOKENS - 1);
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

/** Two tokens, with a space between them in older files. */
type Merge = string | readonly [string, string];

const isTokenText = (text: unknown): text is string =>
  typeof text === 'string' && text.length > 0 && text.length <= MAX_TOKEN_LENGTH;

/** Lists of this length are checked by hand: a schema would collect an issue for each entry. */
function isVocab(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= MAX_TOKENS &&
    entries.every(([text, at]) => isTokenText(text) && Number.isInteger(at) && at >= 0 && at < MAX_TOKENS)
  );
}

function isMergeList(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > MAX_MERGES) return false;
  return value.every((merge: unknown) =>
    Array.isArray(merge)
      ? merge.length === 2 && merge.every(isTokenText)
      : typeof merge === 'string' && merge.length <= 2 * MAX_TOKEN_LENGTH,
  );
}

const nothing = z.union([z.null(), z.literal('')]).optional();

/** `model` of tokenizer.json: merges, without any of the variants that llama.cpp does not know. */
export const mergeModel = z.object({
  type: z.literal('BPE'),
  dropout: z.union([z.null(), z.literal(0)]).optional(),
  unk_token: z.string().max(MAX_TOKEN_LENGTH).nullish(),
  continuing_subword_prefix: nothing,
  end_of_word_suffix: nothing,
  /** Whether characters without a token become tokens of their bytes. */
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
  vocab: z.custom<Readonly<Record<string, number>>>(isVocab, `ids below ${MAX_TOKENS} by texts`),
  merges: z.custom<readonly Merge[]>(isMergeList, `at most ${MAX_MERGES} pairs`),
});

/** Parts of a tokenizer.json that make its vocabulary. */
export interface VocabularyParts {
  readonly model: z.infer<typeof mergeModel>;
  readonly added: readonly z.infer<typeof addedToken>[];
}

export interface VocabularyOptions {
  /** Rows of the token embedding. */
  readonly size: number;
  /** Of tokenizer.json, for errors. */
  readonly path: string;
}

/** Tokens of a model by their ids. */
export interface TokenTable {
  readonly tokens: readonly string[];
  /** Numbers of TOKEN_TYPES. */
  readonly types: readonly number[];
  /** Ids by text. */
  readonly ids: ReadonlyMap<string, number>;
}

/**
 * Places each token at its id. Ids without a token get a name that no text contains.
 * @param typeOf returns the type of a token of the vocabulary. Default: all are normal.
 * @throws ModelError `corrupt` for ids that cannot be, `not-convertible` for a token that takes the spaces beside it.
 */
export function placeTokens(
  { model: { vocab }, added }: VocabularyParts,
  { size, path }: VocabularyOptions,
  typeOf: (text: string) => number = () => TOKEN_TYPES.normal,
): TokenTable {
  const { unused, control, userDefined } = TOKEN_TYPES;
  const corrupt = (message: string): never => {
    throw new ModelError('corrupt', `${path}: ${message}`);
  };
  const ids = new Map<string, number>();
  const tokens: string[] = Array.from({ length: size }, (_, i) => `[PAD${i}]`);
  const types: number[] = Array.from({ length: size }, () => unused);
  const place = (text: string, at: number, type: number): void => {
    if (at >= size) corrupt(`token ${at} is outside of the ${size} rows of the embedding`);
    if ((ids.get(text) ?? at) !== at || (types[at] !== unused && tokens[at] !== text))
      corrupt(`two tokens share the id ${at} or one text`);
    ids.set(text, at);
    tokens[at] = text;
    types[at] = type;
  };
  for (const [text, at] of Object.entries(vocab)) place(text, at, typeOf(text));
  for (const { content, id: at, special, ...strips } of added) {
    if (strips.lstrip || strips.rstrip || strips.single_word)
      throw new ModelError('not-convertible', `${path}: the token ${at} takes spaces beside it, which GGUF cannot say`);
    if (types[at] !== TOKEN_TYPES.unknown) place(content, at, special ? control : userDefined);
  }
  return { tokens, types, ids };
}

/** Reads the merges as pairs of tokens, the first to apply first. @throws ModelError('corrupt') for tokens that do not exist. */
export function readMerges(
  { merges }: VocabularyParts['model'],
  ids: ReadonlyMap<string, number>,
  path: string,
): readonly (readonly [string, string])[] {
  return merges.map((merge) => {
    const parts: readonly string[] = typeof merge === 'string' ? merge.split(' ') : merge;
    const [left = '', right = ''] = parts;
    if (parts.length !== 2 || left.includes(' ') || right.includes(' '))
      throw new ModelError('corrupt', `${path}: a merge that is no pair of tokens`);
    if (!ids.has(left) || !ids.has(right) || !ids.has(left + right))
      throw new ModelError('corrupt', `${path}: a merge of tokens that do not exist`);
    return [left, right];
  });
}
