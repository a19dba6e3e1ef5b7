import type { TextEngine } from '@ogong/engine/interface/text';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { isTokenList } from '@ogong/protocol/modality/text/request/completion-prompt';
import { parseModelRequest } from '../../modality/text/model-request.ts';
import { encodeJson } from '../local-model.ts';
import type { OllamaPrompt } from './asked.ts';

/** Tokens of an earlier answer of /api/generate, its prompt included. @throws RequestError */
export function readContext(value: unknown): readonly number[] {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
  if (isTokenList(value)) return value;
  throw new RequestError('context must be the list of token ids of an earlier answer', 'context');
}

/**
 * Reads a prompt as /api/generate does. Names of control tokens in a raw text are these tokens, and the tokens of `context` come
 * first. Such a prompt is sent as ids, so that the receipt is for the exact input. Any other prompt stays as it is.
 */
export async function writePrompt(
  engine: TextEngine,
  prompt: OllamaPrompt,
  { context, day }: { readonly context: readonly number[]; readonly day: number },
): Promise<OllamaPrompt> {
  if ('suffix' in prompt) return prompt;
  if (context.length === 0 && 'messages' in prompt) return prompt;
  if (context.length > 0) {
    const tokens = await tokenize(engine, prompt, day);
    const [begin] = await engine.tokenizePrompt({ kind: 'text', text: '' });
    const isBegun = begin !== undefined && tokens[0] === begin;
    return { prompt: [...context, ...tokens.subarray(isBegun ? 1 : 0)] };
  }
  if ('messages' in prompt || typeof prompt.prompt !== 'string') return prompt;
  // Both messages to the engine leave at once.
  const [tokens, plain] = await Promise.all([
    tokenize(engine, prompt, day),
    engine.tokenizePrompt({ kind: 'text', text: prompt.prompt }),
  ]);
  const isPlain = plain.length === tokens.length && plain.every((token, i) => token === tokens[i]);
  return isPlain ? prompt : { prompt: [...tokens] };
}

async function tokenize(engine: TextEngine, prompt: OllamaPrompt, day: number): Promise<Uint32Array> {
  if ('messages' in prompt) {
    const body = encodeJson({ model: 'local', messages: prompt.messages });
    return engine.tokenizePrompt(parseModelRequest(body, 'chat', day).prompt);
  }
  if (typeof prompt.prompt !== 'string') return Uint32Array.from(prompt.prompt);
  return engine.tokenizePrompt({ kind: 'text', text: prompt.prompt, readsControlTokens: true });
}
