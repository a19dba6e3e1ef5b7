import { utf8Encode } from '../../../base/bytes.ts';
import { RequestError } from '../../shared/request-error.ts';
import { parseObject } from '../../shared/request-fields.ts';
import { isTokenList } from '../request/completion-prompt.ts';

/** The most replies of one call, over all its prompts. */
export const MAX_REPLIES = 16;

/**
 * Splits a completion with several prompts into requests of one prompt, since one order is for one prompt. A body with one
 * prompt stays unchanged.
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

/** Creates the refusal of too many replies. @param replies number of requested replies. */
export const refuseReplies = (replies: number): RequestError =>
  new RequestError(`prompt: ${replies} replies are asked for; at most ${MAX_REPLIES} are served`, 'prompt');
