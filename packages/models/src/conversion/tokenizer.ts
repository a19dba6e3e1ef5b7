import { z } from 'zod';
import type { GgufValue } from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';
import { buildByteVocabulary, type Vocabulary } from './byte-vocabulary.ts';
import { buildPieceVocabulary } from './piece-vocabulary.ts';
import { findPreTokenizer } from './pre-tokenizer.ts';
import { readSpecialTokens, type SpecialSources } from './special-tokens.ts';
import { isNothing, marksSpaces, typeOf, unmarksSpaces } from './text-steps.ts';
import { addedToken, mergeModel, type VocabularyOptions } from './vocabulary.ts';

const MAX_ADDED = 1 << 16;
const MAX_TEMPLATE_LENGTH = 1 << 20;

/** Parts of tokenizer.json. Those that only matter to other callers are left out. */
const tokenizerSchema = z.object({
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  decoder: z.unknown(),
  added_tokens: z.array(z.unknown()).max(MAX_ADDED).default([]).pipe(z.array(addedToken)),
  model: mergeModel,
});

/** Contents of the files that describe a tokenizer. */
export interface TokenizerFiles extends Omit<SpecialSources, 'ids' | 'postProcessor'> {
  /** `tokenizer.json`. */
  readonly tokenizer: unknown;
  /** `chat_template.jinja`, if there is one. It counts more than the template of tokenizer_config.json. */
  readonly template: string | undefined;
}

/**
 * Makes the metadata of a tokenizer that merges bytes or characters.
 * @throws ModelError `not-convertible` for a tokenizer of another kind, `corrupt` for one that contradicts itself.
 */
export function convertTokenizer(
  files: TokenizerFiles,
  options: VocabularyOptions,
): readonly (readonly [string, GgufValue])[] {
  const { path } = options;
  const parsed = tokenizerSchema.safeParse(files.tokenizer);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.slice(0, 3).join('.').slice(0, 80);
    throw new ModelError(
      'not-convertible',
      `${path}: ${place}: ${issue?.message.slice(0, 200)}; only tokenizers with merges (BPE) are converted`,
    );
  }
  const { entries, ids } = parsed.data.model.byte_fallback
    ? convertPieces(parsed.data, options)
    : convertBytes(parsed.data, options);
  const template = findTemplate(files);
  return [
    ...entries,
    ...readSpecialTokens({ ...files, ids, postProcessor: parsed.data.post_processor }, path),
    ...(template === undefined ? [] : ([['tokenizer.chat_template', { type: 'string', value: template }]] as const)),
  ];
}

type TokenizerParts = z.infer<typeof tokenizerSchema>;

function convertBytes(
  { added_tokens: added, model, ...steps }: TokenizerParts,
  options: VocabularyOptions,
): Vocabulary {
  const { path } = options;
  // llama.cpp changes no text. Almost all text is in this form already.
  if (!isNothing(steps.normalizer) && typeOf(steps.normalizer) !== 'NFC')
    throw new ModelError(
      'not-convertible',
      `${path} changes text by ${typeOf(steps.normalizer)}; only NFC is converted`,
    );
  if (typeOf(steps.decoder) !== 'ByteLevel')
    throw new ModelError('not-convertible', `${path} has the decoder ${typeOf(steps.decoder)}, not that of bytes`);
  const name = findPreTokenizer(steps.pre_tokenizer, { ignoresMerges: model.ignore_merges, path });
  return buildByteVocabulary({ model, added }, name, options);
}

function convertPieces(
  { added_tokens: added, model, ...steps }: TokenizerParts,
  options: VocabularyOptions,
): Vocabulary {
  const { normalizer, pre_tokenizer, decoder } = steps;
  if (!marksSpaces(normalizer, pre_tokenizer) || !unmarksSpaces(decoder) || model.ignore_merges)
    throw new ModelError(
      'not-convertible',
      `${options.path} handles spaces in another way than SentencePiece: by ${typeOf(normalizer)}, ${typeOf(pre_tokenizer)} and ${typeOf(decoder)}`,
    );
  return buildPieceVocabulary({ model, added }, options);
}

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
