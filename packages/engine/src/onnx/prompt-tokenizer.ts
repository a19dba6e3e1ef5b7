import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { EngineError } from '../interface/engine-error.ts';
import { composeClipTokenizer, textOf } from './clip-tokenizer.ts';

/** Makes tokens of a prompt as the pipelines of diffusers do. */
export interface PictureTokenizer {
  /** Ids of the tokens, special ones included. Of a prompt that is too long, the end of its text is cut. */
  tokenize(prompt: string): readonly number[];
  /** Fills ids up to the context with the padding token. */
  pad(ids: readonly number[]): readonly number[];
}

/** A text that every vocabulary spells without special tokens. */
const PROBE = 'a';

/**
 * @param folder holds `tokenizer_config.json` with `tokenizer.json`, or with `vocab.json` and `merges.txt` of CLIP.
 * @throws EngineError('unsupported-model').
 */
export function openPromptTokenizer(folder: string, contextSize: number): PictureTokenizer {
  const readText = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const read = (name: string): Record<string, unknown> => JSON.parse(readText(name));
  const refuse = (problem: string, cause?: unknown): never => {
    throw new EngineError('unsupported-model', `the tokenizer in ${folder} ${problem}`, { cause });
  };
  const config = read('tokenizer_config.json');
  if ((config.padding_side ?? 'right') !== 'right') refuse('pads on the left');
  const readModel = (): object => {
    if (existsSync(join(folder, 'tokenizer.json'))) return read('tokenizer.json');
    const vocabulary = read('vocab.json') as Record<string, number>;
    const composed = composeClipTokenizer({ vocabulary, merges: readText('merges.txt'), config });
    return composed ?? refuse('is none of CLIP, as its vocab.json lacks a special token');
  };
  const open = (): Tokenizer => {
    const model = readModel();
    try {
      return new Tokenizer(model, config);
    } catch (cause) {
      return refuse(`is not supported: ${(cause as Error).message}`, cause);
    }
  };
  const tokenizer = open();
  const encode = (text: string, addSpecialTokens: boolean): readonly number[] =>
    tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids;
  const padding = findPadding(config.pad_token, tokenizer) ?? refuse('has no padding token');

  const plain = encode(PROBE, false);
  const whole = encode(PROBE, true);
  const extra = whole.length - plain.length;
  const before = Array.from({ length: extra + 1 }, (_, at) => at).find((at) =>
    plain.every((id, i) => whole[at + i] === id),
  );
  if (before === undefined) return refuse('changes a text when it adds special tokens');
  const head = whole.slice(0, before);
  const tail = whole.slice(before + plain.length);
  const most = contextSize - extra;
  if (most < 0) refuse(`adds ${extra} tokens to a prompt of at most ${contextSize}`);
  return {
    tokenize: (prompt) => [...head, ...encode(prompt, false).slice(0, most), ...tail],
    pad: (ids) => [...ids, ...Array.from({ length: contextSize - ids.length }, () => padding)],
  };
}

/** The token is a text, or an object with its text in older files. */
function findPadding(token: unknown, tokenizer: Tokenizer): number | undefined {
  const text = textOf(token);
  return text === undefined ? undefined : tokenizer.token_to_id(text);
}
