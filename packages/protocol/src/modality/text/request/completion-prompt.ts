import { utf8Encode } from '../../../base/bytes.ts';
import { isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { parseText } from './chat-messages.ts';

/** The prompt of a completion: a text, its tokens, or a text that another one follows. */
export type CompletionPrompt =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly tokens: Uint32Array }
  | { readonly kind: 'fill'; readonly prefix: string; readonly suffix: string };

/** The largest token id of any vocabulary. */
const MAX_TOKEN = 2 ** 24;

/** Returns whether a value is a list of token ids, at least one. */
export const isTokenList = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((id) => Number.isInteger(id) && id >= 0 && id < MAX_TOKEN);

/** @throws RequestError */
export function parseCompletionPrompt(fields: Readonly<Record<string, unknown>>): CompletionPrompt {
  const { prompt: given } = fields;
  const prompt = Array.isArray(given) && given.length === 1 && !isTokenList(given) ? given[0] : given;
  const suffix = isAbsent(fields.suffix) ? '' : parseText(fields.suffix, 'suffix', 'a string');
  if (isTokenList(prompt)) {
    if (suffix === '') return { kind: 'tokens', tokens: Uint32Array.from(prompt) };
    throw new RequestError('suffix: a prompt of tokens is only continued; send a text', 'suffix');
  }
  const text = parseText(prompt, 'prompt', 'a string or an array of token ids');
  return suffix === '' ? { kind: 'text', text } : { kind: 'fill', prefix: text, suffix };
}

/** Bounds the tokens of a prompt, without those that a model adds. No tokenizer makes more of a text than it has bytes. */
export function boundPrompt(prompt: CompletionPrompt | undefined): number {
  if (prompt === undefined) return 0;
  if (prompt.kind === 'tokens') return prompt.tokens.length;
  return utf8Encode(prompt.kind === 'text' ? prompt.text : prompt.prefix + prompt.suffix).length;
}
