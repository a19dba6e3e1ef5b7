import { formatOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { expect, it } from 'vitest';
import type { ApiContext } from '../http/api-app.ts';
import { ApiError } from '../http/api-error.ts';
import { createOverflowError } from '../http/overflow-error.ts';
import { formatDialectError } from './error-body.ts';
import { createResponsesDialect } from './responses/responses-format.ts';

const reason = formatOverflow({ promptTokens: 9_000, contextSize: 4_096 });
const overflow = createOverflowError(reason, { code: 'invalid_request', cause: undefined });
const uncounted = createOverflowError('the prompt has 9000000 bytes', { code: 'invalid_request', cause: undefined });
const contextOf = (path: string): ApiContext =>
  ({ req: { path, header: () => undefined }, get: () => 'req_1' }) as unknown as ApiContext;
const format = (path: string, error: ApiError = overflow) => formatDialectError(error, contextOf(path));

it.each([
  ['/v1/chat/completions', 'messages'],
  ['/v1/completions', 'prompt'],
  ['/v1/responses', 'input'],
  ['/v1/embeddings', 'input'],
])('has the code and the sentence of OpenAI at %s', (path, param) => {
  expect(format(path)).toEqual({
    error: {
      message: `This model's maximum context length is 4096 tokens. However, your ${param} resulted in 9000 tokens. Please reduce the length of the ${param}.`,
      type: 'invalid_request_error',
      param,
      code: 'context_length_exceeded',
    },
  });
  expect(format(path, uncounted)).toMatchObject({
    error: { code: 'context_length_exceeded', message: expect.stringMatching(/maximum context length.*9000000 bytes/) },
  });
});

it.each(['/v1/messages', '/v1/messages/count_tokens'])('has the sentence of Anthropic at %s', (path) => {
  expect(format(path)).toMatchObject({
    type: 'error',
    // One token is left for the reply.
    error: { type: 'invalid_request_error', message: 'prompt is too long: 9000 tokens > 4095 maximum' },
  });
  expect(format(path, uncounted)).toMatchObject({
    error: { message: 'prompt is too long: the prompt has 9000000 bytes' },
  });
});

it.each(['/api/chat', '/api/generate'])('has the words of Ollama at %s', (path) => {
  const words = 'the input length exceeds the context length';
  expect(format(path)).toEqual({ error: words });
  expect(format(path, uncounted)).toEqual({ error: `${words}: ${uncounted.message}` });
});

it('ends a response that had begun with the same code', () => {
  const identity = { id: 'resp_1', created: 0, model: 'm' };
  const dialect = createResponsesDialect({
    identity,
    asked: {},
    namespaced: new Map(),
    nowMs: () => 0,
    nameCall: () => 'call',
  });
  const writer = dialect.createWriter();
  writer.open();
  const events = writer.fail(overflow);
  expect(events[0]).toMatchObject({ type: 'error', code: 'context_length_exceeded' });
  expect(events[1]).toMatchObject({
    type: 'response.failed',
    response: { error: { code: 'context_length_exceeded' } },
  });
});

it('leaves other errors as they are', () => {
  const other = new ApiError('invalid_request', 'no such field', { param: 'x', publicCode: 'unknown_parameter' });
  expect(format('/v1/chat/completions', other)).toEqual({
    error: { message: 'no such field', type: 'invalid_request_error', param: 'x', code: 'unknown_parameter' },
  });
  expect(format('/api/chat', other)).toEqual({ error: 'no such field' });
});
