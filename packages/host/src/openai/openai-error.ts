import type { ApiContext } from '../http/api-app.ts';
import { type ApiError, type ErrorBody, toErrorBody } from '../http/api-error.ts';
import { isOverflow, wordOverflowForOpenAi } from '../http/overflow-error.ts';

/** The field with the prompt, by the end of a path. */
const PROMPT_FIELDS: readonly (readonly [end: string, field: string])[] = [
  ['/chat/completions', 'messages'],
  ['/completions', 'prompt'],
];

/** Formats an error of OpenAI's paths, also after a stream has begun. */
export function toOpenAiError(error: ApiError, { req }: Pick<ApiContext, 'req'>): ErrorBody {
  const body = toErrorBody(error);
  if (!isOverflow(error)) return body;
  const [, param] = PROMPT_FIELDS.find(([end]) => req.path.endsWith(end)) ?? ['', 'input'];
  return { error: { ...body.error, message: wordOverflowForOpenAi(error, param), param } };
}
