import { utf8Encode } from '@ogong/protocol/base/bytes';
import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { expect, it } from 'vitest';
import { formatChunks } from './format-answer.ts';
import type { SealedAnswer, SealedDelta } from './sealed-reply.ts';

it('a reader that leaves early ends the calls of all choices', async () => {
  const body = { model: 'ogong/verified/a/b', messages: [{ role: 'user', content: 'hi' }] };
  const request = parseRequest(utf8Encode(JSON.stringify(body)), 'chat');
  const ended: number[] = [];
  async function* speak(choice: number): AsyncGenerator<SealedDelta, SealedAnswer> {
    try {
      for (;;) yield { text: 'word ', tokens: [], format: DEFAULT_FORMAT };
    } finally {
      ended.push(choice);
    }
  }
  let chunks = 0;
  for await (const _ of formatChunks(request, [speak(0), speak(1)])) if (++chunks === 6) break;
  await expect.poll(() => ended.toSorted()).toEqual([0, 1]);
});
