import { utf8Encode } from '../../../base/bytes.ts';
import { parseObject } from '../request/request.ts';
import { RequestError } from '../request/request-error.ts';

/** Replies of one call, all its prompts together. */
export const MAX_REPLIES = 16;

/**
 * A completion of several texts as requests of one text each, since one order is for one prompt. A body with one prompt stays as it is.
 * @throws RequestError
 */
export function splitPrompts(body: Uint8Array): readonly Uint8Array[] {
  const fields = parseObject(body);
  const { prompt } = fields;
  if (!Array.isArray(prompt) || prompt.length < 2) return [body];
  if (prompt.length > MAX_REPLIES) throw refuseReplies(prompt.length);
  return prompt.map((text: unknown) => {
    if (typeof text === 'string') return utf8Encode(JSON.stringify({ ...fields, prompt: text }));
    throw new RequestError('prompt: the network takes texts, not tokens', 'prompt', 'unsupported_parameter');
  });
}

/** @param replies how many are asked for. */
export const refuseReplies = (replies: number): RequestError =>
  new RequestError(`prompt: ${replies} replies are asked for; at most ${MAX_REPLIES} are served`, 'prompt');
