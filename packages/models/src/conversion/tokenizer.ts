import { z } from 'zod';
import type { GgufValue } from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';
import { findPreTokenizer } from './pre-tokenizer.ts';
import { readSpecialTokens, type SpecialSources } from './special-tokens.ts';
import { addedToken, buildVocabulary, byteModel } from './vocabulary.ts';

const MAX_TEMPLATE_LENGTH = 1 << 20;

/** Parts of tokenizer.json. Those that only matter to other callers are left out. */
const tokenizerSchema = z.object({
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  decoder: z.unknown(),
  added_tokens: z
    .array(addedToken)
    .max(1 << 16)
    .default([]),
  model: byteModel,
});

/** Contents of the files that describe a tokenizer. */
export interface TokenizerFiles extends Omit<SpecialSources, 'ids' | 'postProcessor'> {
  /** `tokenizer.json`. */
  readonly tokenizer: unknown;
  /** `chat_template.jinja`, if there is one. It counts more than the template of tokenizer_config.json. */
  readonly template: string | undefined;
}

/**
 * Makes the metadata of a tokenizer that merges bytes.
 * @param size rows of the token embedding. @param path of tokenizer.json, for errors.
 * @throws ModelError `not-convertible` for a tokenizer of another kind, `corrupt` for one that contradicts itself.
 */
export function convertTokenizer(
  files: TokenizerFiles,
  { size, path }: { readonly size: number; readonly path: string },
): readonly (readonly [string, GgufValue])[] {
  const parsed = tokenizerSchema.safeParse(files.tokenizer);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ModelError(
      'not-convertible',
      `${path}: ${issue?.path.slice(0, 3).join('.').slice(0, 80)}: ${issue?.message.slice(0, 200)}; only tokenizers that merge bytes (BPE) are converted`,
    );
  }
  const { normalizer, pre_tokenizer, post_processor, decoder, added_tokens, model } = parsed.data;
  // llama.cpp changes no text. Almost all text is in this form already.
  if (!keepsText(normalizer) && typeOf(normalizer) !== 'NFC')
    throw new ModelError('not-convertible', `${path} changes text by ${typeOf(normalizer)}; only NFC is converted`);
  if (typeOf(decoder) !== 'ByteLevel')
    throw new ModelError('not-convertible', `${path} has the decoder ${typeOf(decoder)}; only ByteLevel is converted`);
  const name = findPreTokenizer(pre_tokenizer, { ignoresMerges: model.ignore_merges, path });
  const { entries, ids } = buildVocabulary(model, added_tokens, { size, path });
  const template = findTemplate(files);
  return [
    ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'string', value: name }],
    ...entries,
    ...readSpecialTokens({ ...files, ids, postProcessor: post_processor }, path),
    ...(template === undefined ? [] : ([['tokenizer.chat_template', { type: 'string', value: template }]] as const)),
  ];
}

/** Returns whether a normalizer does nothing. */
const keepsText = (normalizer: unknown): boolean =>
  normalizer === undefined ||
  normalizer === null ||
  (typeOf(normalizer) === 'Sequence' && (normalizer as { normalizers?: readonly unknown[] }).normalizers?.length === 0);

const typeOf = (part: unknown): string =>
  typeof part === 'object' && part !== null ? String((part as { type?: unknown }).type).slice(0, 40) : 'none';

const named = z.object({ name: z.string(), template: z.string() });
const templateSchema = z.union([z.string(), z.array(named).max(64)]).optional();

/** @returns the template, or the one that is called `default`. @throws ModelError('corrupt') */
function findTemplate({ template, tokenizerConfig }: TokenizerFiles): string | undefined {
  const parsed = templateSchema.safeParse(template ?? tokenizerConfig.chat_template ?? undefined);
  const found =
    typeof parsed.data === 'object' ? parsed.data.find(({ name }) => name === 'default')?.template : parsed.data;
  if (!parsed.success || (found?.length ?? 0) > MAX_TEMPLATE_LENGTH)
    throw new ModelError('corrupt', 'the chat template is no text, or is too long');
  return found;
}
