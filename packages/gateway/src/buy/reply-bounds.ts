import { ApiError } from '@ogong/host/http/api-error';
import { MAX_RESPONSE_BYTES, MAX_SEALED_REPLY_BYTES } from '@ogong/protocol/exchange/limits';
import type { TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** Of messages that are not one token's: the end with its opening, milestones, and pieces of what is large. */
const MORE_MESSAGES = 8_192;
/** Messages of one reply: one for each token, and as many again, since nobody promised that each brings one. */
export const computeMostMessages = (maxTokens = 0): number => 2 * maxTokens + MORE_MESSAGES;

/** Of one token: far more than any vocabulary has. */
const MAX_TOKEN_BYTES = 1024;
/** Of a token or an alternative besides its text: its number, its log-probability, and what they are framed by. */
const TOKEN_FRAME_BYTES = 24;

/** What a request allows its reply to be. */
export interface ReplyLimits {
  readonly maxTokens: number;
  /** Alternatives with each token; undefined where it wants no log-probabilities at all. */
  readonly topLogprobs: number | undefined;
}

export interface ReplyBounds {
  /** An event came, of any kind. @throws ApiError */
  addMessage(): void;
  /** @throws ApiError where a caller that keeps all that came would have to keep more than was asked for. */
  add(delta: { readonly text: string; readonly tokens: readonly TokenLogprob[] }): void;
}

/** Holds one reply, as it comes, against what its request allows. */
export function createReplyBounds(asked: ReplyLimits): ReplyBounds {
  const mostMessages = computeMostMessages(asked.maxTokens);
  let messages = 0;
  let textBytes = 0;
  let tokenCount = 0;
  /** Each token may be short enough, and all of them too much. */
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
