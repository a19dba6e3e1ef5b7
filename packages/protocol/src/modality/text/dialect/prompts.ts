import { utf8Encode } from '../../../base/bytes.ts';
import { RequestError } from '../../shared/request-error.ts';
import { parseObject } from '../../shared/request-fields.ts';
import { isTokenList } from '../request/completion-prompt.ts';

/** Replies of one call, all its prompts together. */
export const MAX_REPLIES = 16;

/**
 * A completion of several prompts as requests of one each, since one order is for one prompt. A body with one prompt stays as it is.
 * @throws RequestError
 */
export function splitPrompts(body: Uint8Array): readonly Uint8Array[] {
  const fields = parseObject(body);
  const { prompt } = fields;
  if (isTokenList(prompt) || !Array.isArray(prompt) || prompt.length < 2) return [body];
  if (prompt.length > MAX_REPLIES) throw refuseReplies(prompt.length);
  return prompt.map((one: unknown) => {
    if (typeof one === 'string' || isTokenList(one)) return utf8Encode(JSON.stringify({ ...fields, prompt: one }));
    throw new RequestError('prompt must be a text, tokens, or an array of texts or of tokens', 'prompt');
  });
}

/** @param replies how many are asked for. */
export const refuseReplies = (replies: number): RequestError =>
  new RequestError(`prompt: ${replies} replies are asked for; at most ${MAX_REPLIES} are served`, 'prompt');
