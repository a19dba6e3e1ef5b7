import { create } from '@bufbuild/protobuf';
import { type TokenLogprob, TokenLogprobSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { createReplyBounds } from './reply-bounds.ts';

const TOO_MUCH = expect.objectContaining({ code: 'provider_failed' });
const MOST = { maxTokens: 131_072, topLogprobs: 20 };

/** With so many alternatives, each of so many bytes. */
function createToken(bytes: number, alternatives: number): TokenLogprob {
  const other = create(TokenLogprobSchema, { id: 1, bytes: new Uint8Array(bytes), logprob: -1 });
  return create(TokenLogprobSchema, { ...other, alternatives: Array.from({ length: alternatives }, () => other) });
}

/** @returns how many parts of so many tokens were let through, of at most `parts`. */
function feed(token: TokenLogprob, { tokens, parts }: { readonly tokens: number; readonly parts: number }): number {
  const bounds = createReplyBounds(MOST);
  const part = { text: '', tokens: Array.from({ length: tokens }, () => token) };
  for (let i = 0; i < parts; i++) {
    try {
      bounds.add(part);
    } catch (error) {
      expect(error).toEqual(TOO_MUCH);
      return i;
    }
  }
  return parts;
}

describe('log-probabilities of a reply', () => {
  it('are taken as many as the longest reply may have', () => {
    expect(feed(createToken(8, 20), { tokens: 1_024, parts: 128 })).toBe(128);
  });

  it('are cut off where each is short enough and all together are not', () => {
    // 21 of a kilobyte for each token: 128 MiB are 6,240 tokens.
    expect(feed(createToken(1_024, 20), { tokens: 100, parts: 1_310 })).toBe(60);
  });
});

it('a reply has no more messages than its tokens need', () => {
  const bounds = createReplyBounds({ maxTokens: 10, topLogprobs: undefined });
  for (let i = 0; i < 20 + 8_192; i++) bounds.addMessage();
  expect(() => bounds.addMessage()).toThrow('more than the request allows');
});
