import { type GgufHeader, numberOf } from '@ogong/models/gguf/types';
import type { FillTokens } from '../decode/text/fill-prompt.ts';

type Metadata = GgufHeader['metadata'];

/** The file's own keys: their present names, and their earlier names. */
const KEYS = [
  ['fim_pre', 'fim_suf', 'fim_mid'],
  ['prefix', 'suffix', 'middle'],
] as const;

/** Names of the tokens, for files without such keys: the order is prefix, suffix, middle. */
const NAMES = [
  ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
  ['<fim_prefix>', '<fim_suffix>', '<fim_middle>'],
  ['<fim-prefix>', '<fim-suffix>', '<fim-middle>'],
  ['<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
  ['<|code_prefix|>', '<|code_suffix|>', '<|code_middle|>'],
  ['▁<PRE>', '▁<SUF>', '▁<MID>'],
  ['<PRE>', '<SUF>', '<MID>'],
] as const;

/** Mistral's: the suffix, then the prefix, which the model goes on with. */
const SUFFIX_FIRST = { suffix: '[SUFFIX]', prefix: '[PREFIX]' } as const;

/** Finds the tokens of a model's file for filling in a text (docs/spec/prompt.md, "Prompt tokens"). */
export function findFillTokens(metadata: Metadata): FillTokens | undefined {
  const texts = metadata.get('tokenizer.ggml.tokens')?.value;
  const tokens = Array.isArray(texts) ? (texts as readonly unknown[]) : [];
  const byKey = KEYS.map((keys) => keys.map((key) => numberOf(metadata, `tokenizer.ggml.${key}_token_id`)));
  const byName = NAMES.map((names) => names.map((name) => tokens.indexOf(name)));
  const found = [...byKey, ...byName].find((ids) =>
    ids.every((id) => Number.isInteger(id) && tokens[id as number] !== undefined),
  );
  if (found === undefined) {
    const [suffix, prefix] = [tokens.indexOf(SUFFIX_FIRST.suffix), tokens.indexOf(SUFFIX_FIRST.prefix)];
    return suffix < 0 || prefix < 0 ? undefined : { prefix, suffix, isSuffixFirst: true };
  }
  const [prefix, suffix, middle] = found as [number, number, number];
  return { prefix, suffix, middle };
}
