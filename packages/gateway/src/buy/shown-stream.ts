import { ApiError } from '@ogong/host/http/api-error';
import type { TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type AnswerFormat, isSameFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import type { Delta } from './provider-call.ts';

/**
 * The part of a reply that a client has received, over all attempts. A further attempt gives the reply from its start, under the
 * same draws. It has to repeat the received part before anything new. So the final record covers all that the client has.
 */
export interface ShownStream {
  /** UTF-8 bytes of its text. */
  readonly textBytes: number;
  /** Whether the client has received anything. */
  readonly hasBegun: boolean;
  /** Begins another attempt from the start. */
  restart(): void;
  /**
   * @returns the part of a delta that the client does not have yet; undefined if that is empty.
   * @throws ApiError if the attempt differs from the received part.
   */
  take(delta: Delta): Delta | undefined;
  /** Ends the attempt. @throws ApiError if it is shorter than the received part. */
  end(): void;
}

export function createShownStream(): ShownStream {
  let text = '';
  let textBytes = 0;
  let format: AnswerFormat | undefined;
  const tokens: TokenLogprob[] = [];
  /** Length of the running attempt so far. */
  let saidLength = 0;
  let saidTokens = 0;

  function add(fresh: Pick<Delta, 'text' | 'tokens'>): void {
    text += fresh.text;
    textBytes += Buffer.byteLength(fresh.text);
    for (const token of fresh.tokens) tokens.push(token);
    saidLength += fresh.text.length;
    saidTokens += fresh.tokens.length;
  }

  return {
    get textBytes() {
      return textBytes;
    },
    get hasBegun() {
      return format !== undefined;
    },
    restart() {
      saidLength = 0;
      saidTokens = 0;
    },
    take(delta) {
      // Most attempts are the first one, and repeat nothing.
      const isFresh = saidLength === text.length && saidTokens === tokens.length;
      if (isFresh && format !== undefined && isSameFormat(format, delta.format)) {
        add(delta);
        return delta;
      }
      const again = delta.text.slice(0, text.length - saidLength);
      const tokensAgain = delta.tokens.slice(0, tokens.length - saidTokens);
      const isSame =
        (format === undefined || isSameFormat(format, delta.format)) &&
        text.startsWith(again, saidLength) &&
        tokensAgain.every((token, i) => isSameToken(token, tokens[saidTokens + i]));
      if (!isSame) throw createOtherReply();
      saidLength += again.length;
      saidTokens += tokensAgain.length;
      format ??= delta.format;
      const fresh = { ...delta, text: delta.text.slice(again.length), tokens: delta.tokens.slice(tokensAgain.length) };
      const isRepeated = again.length + tokensAgain.length > 0;
      if (isRepeated && fresh.text === '' && fresh.tokens.length === 0) return undefined;
      add(fresh);
      return fresh;
    },
    end() {
      if (saidLength < text.length || saidTokens < tokens.length) throw createOtherReply();
    },
  };
}

function isSameToken(token: TokenLogprob, shown: TokenLogprob | undefined): boolean {
  return (
    shown !== undefined &&
    token.id === shown.id &&
    token.logprob === shown.logprob &&
    token.alternatives.length === shown.alternatives.length &&
    Buffer.compare(token.bytes, shown.bytes) === 0 &&
    token.alternatives.every((one, i) => isSameToken(one, shown.alternatives[i]))
  );
}

const createOtherReply = (): ApiError =>
  new ApiError('ogong_check_failed', 'The reply broke off, and another provider gives another one than was shown.');
