import type { CompletionPrompt } from '@ogong/protocol/modality/text/request/completion-prompt';
import { EngineError } from '../../interface/engine-error.ts';
import type { PromptVocabulary } from './prompt-vocabulary.ts';

/** Ids of the control tokens around two texts between which a model writes. */
export interface FillTokens {
  readonly prefix: number;
  readonly suffix: number;
  /** Undefined if none stands before what the model writes. */
  readonly middle?: number | undefined;
  /** Whether the second text stands before the first one. Default: no. */
  readonly isSuffixFirst?: boolean | undefined;
}

/**
 * Writes the prompt for a text between two others. It has both texts in the order that the model learned, then the mark of the
 * place to fill. Names of control tokens in either text are text.
 * @throws EngineError('invalid-request') if the model knows no such prompts.
 */
export function writeFill(
  { tokenize, textOf, controlTokens }: PromptVocabulary,
  fillTokens: FillTokens | undefined,
  { prefix, suffix }: Extract<CompletionPrompt, { kind: 'fill' }>,
): readonly number[] {
  // A token that is no control token could be written by any text.
  const isControl = (token: number): boolean => controlTokens.some(({ text }) => text === textOf(token));
  if (fillTokens === undefined) throw refuseFill();
  const middle = fillTokens.middle === undefined ? [] : [fillTokens.middle];
  if (![fillTokens.prefix, fillTokens.suffix, ...middle].every(isControl)) throw refuseFill();
  const read = (text: string) => tokenize(text, { addSpecial: false, parseSpecial: false });
  const before = [fillTokens.prefix, ...read(prefix)];
  const after = [fillTokens.suffix, ...read(suffix)];
  return fillTokens.isSuffixFirst ? [...after, ...before, ...middle] : [...before, ...after, ...middle];
}

export const refuseFill = (): EngineError =>
  new EngineError(
    'invalid-request',
    'suffix: this model does not support insert: its file names no control tokens for it (tokenizer.ggml.fim_pre_token_id, fim_suf_token_id and fim_mid_token_id)',
  );
