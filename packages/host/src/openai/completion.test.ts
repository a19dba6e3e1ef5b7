import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { expect, it } from 'vitest';
import { createApiApp } from '../http/api-app.ts';
import { answerCompletion } from './completion.ts';
import type { ChoiceEnd, ChoicePart } from './read-choice.ts';

const PART: ChoicePart = { text: 'a', tokens: [], format: DEFAULT_FORMAT };

const NO_TOOLS = { tools: [], isForced: false };

/** Never ends by itself; a reader that leaves it gets an error. */
async function* tellBadly(): AsyncGenerator<ChoicePart, ChoiceEnd> {
  try {
    for (;;) yield PART;
  } finally {
    await Promise.reject(new Error('the link to the provider broke'));
  }
}

it('gives its place back, even if leaving a choice throws', async () => {
  let ended = 0;
  const app = createApiApp();
  app.post('/', (context) =>
    answerCompletion(context, {
      endpoint: 'chat',
      identity: { id: 'chatcmpl-1', created: 0, model: 'm' },
      request: { choices: 2, stream: true, includeUsage: false, logprobs: false, terms: NO_TOOLS, dropped: [] },
      serve: tellBadly,
      heartbeatMs: 60_000,
      onEnd: () => ended++,
    }),
  );
  const client = new AbortController();
  const request = new Request('http://localhost/', { method: 'POST', signal: client.signal });
  const response = await app.request(request, undefined, {});
  await response.body?.getReader().read();
  client.abort();
  await expect.poll(() => ended).toBe(1);
});
