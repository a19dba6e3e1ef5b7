import { ApiError } from '@ogong/host/http/api-error';
import { MAX_RESPONSE_BYTES, MAX_SEALED_REPLY_BYTES } from '@ogong/protocol/exchange/limits';
import type { TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** Messages besides tokens: the end with its opening, milestones, and pieces of large messages. */
const MORE_MESSAGES = 8_192;
/** Returns the most messages of one reply: two for each token, since a message without a token is allowed. */
export const computeMostMessages = (maxTokens = 0): number => 2 * maxTokens + MORE_MESSAGES;

/** Bytes of one token: far more than any vocabulary has. */
const MAX_TOKEN_BYTES = 1024;
/** Bytes of a token or an alternative besides its text: number, log-probability, and framing. */
const TOKEN_FRAME_BYTES = 24;

/** Limits of a request for its reply. */
export interface ReplyLimits {
  readonly maxTokens: number;
  /** Alternatives with each token; undefined if the request wants no log-probabilities. */
  readonly topLogprobs: number | undefined;
}

export interface ReplyBounds {
  /** Counts an event of any kind. @throws ApiError */
  addMessage(): void;
  /** @throws ApiError if the reply would take more memory than the request allows. */
  add(delta: { readonly text: string; readonly tokens: readonly TokenLogprob[] }): void;
}

/** Compares one reply, while it arrives, with the limits of its request. */
export function createReplyBounds(asked: ReplyLimits): ReplyBounds {
  const mostMessages = computeMostMessages(asked.maxTokens);
  let messages = 0;
  let textBytes = 0;
  let tokenCount = 0;
  /** Bytes of all tokens: each may be short enough, and their sum too large. */
  let keptBytes = 0;
  return {
    addMessage() {
      messages++;
      if (messages > mostMessages) throw createTooMuch();
    },
    add({ text, tokens }) {
      textBytes += Buffer.byteLength(text);
      tokenCount += tokens.length;
      if (textBytes > MAX_RESPONSE_BYTES || tokenCount > asked.maxTokens) throw createTooMuch();
      for (const token of tokens) {
        if (!isAskedFor(token, asked)) throw createTooMuch();
        keptBytes += measure(token);
        for (const other of token.alternatives) keptBytes += measure(other);
      }
      if (textBytes + keptBytes > MAX_SEALED_REPLY_BYTES) throw createTooMuch();
    },
  };
}

const measure = ({ bytes }: Pick<TokenLogprob, 'bytes'>): number => TOKEN_FRAME_BYTES + bytes.length;

function isAskedFor({ bytes, alternatives }: TokenLogprob, { topLogprobs }: ReplyLimits): boolean {
  const isShort = (token: Pick<TokenLogprob, 'bytes'>): boolean => token.bytes.length <= MAX_TOKEN_BYTES;
  return (
    topLogprobs !== undefined &&
    alternatives.length <= topLogprobs &&
    isShort({ bytes }) &&
    alternatives.every((other) => isShort(other) && other.alternatives.length === 0)
  );
}

const createTooMuch = (): ApiError =>
  new ApiError('provider_failed', 'The provider sends more than the request allows.');
