import type { ApiContext } from '../http/api-app.ts';
import type { ApiError } from '../http/api-error.ts';
import { wordForOllama } from '../http/overflow-error.ts';
import { toOpenAiError } from '../openai/openai-error.ts';
import { isAnthropicCall } from './anthropic/anthropic-call.ts';
import { toAnthropicError } from './anthropic/anthropic-error.ts';

/** Formats an error as the client's API does; Ollama's errors are one text. */
export const formatDialectError = (error: ApiError, context: ApiContext): object =>
  context.req.path.startsWith('/api/')
    ? { error: wordForOllama(error) }
    : isAnthropicCall(context)
      ? toAnthropicError(error, context.get('requestId'))
      : toOpenAiError(error, context);
