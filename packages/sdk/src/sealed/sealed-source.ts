import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeCommitment, parseOpening } from '@ogong/protocol/commitment/opening';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { computeContextBound } from '@ogong/protocol/exchange/fee';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import { type InferenceRequest, parseRequest } from '@ogong/protocol/modality/text/request/request';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { hasFixedDraws } from '@ogong/protocol/modality/text/request/tier-rules';
import { checkShownBytes, checkShownLogprobs } from '@ogong/protocol/modality/text/stage1/shown-logprobs';
import type { CheckedReply, GatewayAnswer } from '../check-answer.ts';
import type { AnswerBody, CheckedAnswer, Chunk } from '../checked-stream.ts';
import { ReceiptError, SealedCallError } from '../errors.ts';
import { type PostJson, type PrivateRequest, readOgong, tellOutcome } from './ask-offer.ts';
import { formatAnswer, formatChunks } from './format-answer.ts';
import { createRepeatedText } from './repeated-text.ts';
import { createTextForm, openSealedReply, type SealedAnswer, type SealedDelta } from './sealed-reply.ts';
import { createSealedTries, type SealedTries, type SealedTriesOptions } from './sealed-tries.ts';

/** @param allow ids of checks that this pass may skip. @throws ReceiptError */
export type VerifyAnswer = (answer: GatewayAnswer, allow?: readonly string[]) => Promise<CheckedReply[]>;

export interface SealedSourceOptions extends SealedTriesOptions {
  readonly verify: VerifyAnswer;
}

/** One request, sealed to its provider instead of answered by a gateway. */
export interface SealedSource {
  /** As a gateway would stream them. @throws SealedCallError, GatewayApiError */
  chunks(): AsyncGenerator<Chunk>;
  /** Returns the whole answer after `check`. After a failure another provider is asked. @throws ReceiptError and the same */
  answer<T extends AnswerBody>(check: (response: T) => Promise<CheckedAnswer<T>>): Promise<CheckedAnswer<T>>;
  /** Checks an answer and reports the result to the gateway. @throws ReceiptError */
  verify: VerifyAnswer;
}

/** One choice of the request: an order, a capsule and a reply of its own. */
interface SealedChoice {
  readonly tries: SealedTries;
  open(): AsyncGenerator<SealedDelta, SealedAnswer>;
  last(): SealedAnswer | undefined;
}

/** @throws RequestError, SealedCallError if the request cannot be sealed. */
export function createSealedSource(
  options: SealedSourceOptions,
  call: Pick<PrivateRequest, 'body' | 'media'> & {
    readonly endpoint: Endpoint;
    readonly signal: AbortSignal | undefined;
  },
): SealedSource {
  const { post, verify, trust = {}, allow = [] } = options;
  const { endpoint, body, media, signal } = call;
  const request = parseRequest(body, endpoint);
  if (request.echo) {
    throw new SealedCallError('unsupported', 'this request cannot be sealed yet: no prompt is echoed');
  }
  if (request.preference?.hedge || request.demands.standbyPer1kAtomic !== undefined) {
    const why = 'a gateway that reads no text cannot take the first of two answers; leave hedge and standby out';
    throw new SealedCallError('unsupported', `this request cannot be sealed: ${why}`);
  }
  const bounds = { ...boundTextTokens(request), contextSize: computeContextBound(boundTextTokens(request)) };
  const waitsForIntake = !allow.includes('intake') && !trust.allow?.includes('intake');

  function createChoice(choice: number): SealedChoice {
    const asked = { request, body, media, bounds, choice, ogong: readOgong(body) };
    const tries = createSealedTries(options, asked, signal);
    let last: SealedAnswer | undefined;
    return {
      tries,
      last: () => last,
      /** A provider that has failed is not asked again. If the draws are the same at any provider, another one continues. */
      async *open() {
        const shown = createRepeatedText();
        // Log-probabilities are not compared.
        const canGoOn = hasFixedDraws(request) && !request.logprobs;
        for (;;) {
          shown.restart();
          try {
            const offered = await tries.offer();
            const reply = openSealedReply(
              post,
              asked,
              { offered, signal, onSealed: options.onSealed },
              createTextForm(request),
            );
            try {
              for (;;) {
                const next = await reply.next();
                if (next.done) {
                  shown.end();
                  last = next.value;
                  return last;
                }
                const fresh = shown.take(next.value);
                if (fresh !== undefined) yield fresh;
              }
            } finally {
              await reply.return(undefined as never);
            }
          } catch (error) {
            tries.fail(error, shown.hasBegun && !canGoOn);
          }
        }
      },
    };
  }

  const choices = Array.from({ length: request.choices }, (_, choice) => createChoice(choice));

  /** Lists the replies of a failed check; all of them if the error names none. */
  function listRefuted({ receipt }: ReceiptError, opened: readonly SealedAnswer[]): readonly SealedAnswer[] {
    const named = opened.filter((one) => receipt && equalBytes(one.receipt.record.bytes, receipt.record.bytes));
    return named.length > 0 ? named : opened;
  }

  return {
    async *chunks() {
      const opened = choices.map((choice) => choice.open());
      yield* formatChunks(request, opened) as AsyncGenerator<Chunk>;
    },

    async answer<T extends AnswerBody>(check: (response: T) => Promise<CheckedAnswer<T>>) {
      for (;;) {
        const answers = await Promise.all(choices.map((choice) => readWhole(choice.open())));
        const response = formatAnswer(request, answers) as unknown as T;
        try {
          return await check(response);
        } catch (error) {
          // Of several choices those that were good are paid for: asking for all of them again would be dear.
          const [only, ...others] = choices;
          const mayRepeat = error instanceof ReceiptError && error.retryable && others.length === 0;
          if (!mayRepeat || !only?.tries.repeat(error)) throw error;
        }
      }
    },

    async verify(answer) {
      const opened = choices.flatMap((choice) => choice.last() ?? []);
      if (opened.length < choices.length) throw new ReceiptError('missing', 'nothing was answered');
      let replies: CheckedReply[];
      try {
        for (const one of opened) assertShownTokens(request, one);
        replies = await verify(answer, ['intake']);
      } catch (error) {
        if (error instanceof ReceiptError && error.code !== 'unchecked') {
          const { code: reason } = error;
          for (const refuted of listRefuted(error, opened)) {
            choices.find((choice) => choice.last() === refuted)?.tries.distrust();
            await tellOutcome(post, refuted.replyId, { outcome: 'failed', reason });
          }
        }
        throw error;
      }
      await Promise.all(
        opened.map((one, choice) => tellHeld(post, one, replies[choice]?.response ?? new Uint8Array(0))),
      );
      // The validator's confirmation of the record comes once the gateway has reported the record of this client.
      return waitsForIntake ? verify(answer) : replies;
    },
  };
}

async function readWhole(deltas: AsyncGenerator<SealedDelta, SealedAnswer>): Promise<SealedAnswer> {
  for (;;) {
    const next = await deltas.next();
    if (next.done) return next.value;
  }
}

export function tellHeld(
  post: PostJson,
  { replyId, opening }: Pick<SealedAnswer, 'replyId' | 'opening'>,
  response: Uint8Array,
): Promise<void> {
  const { headerProof } = computeCommitment(crypto, parseOpening(opening));
  const held = { outcome: 'held', header_proof: headerProof.map(toHex), response_bytes: response.length };
  return tellOutcome(post, replyId, held);
}

/** The log-probabilities that were shown are those that are signed. @throws ReceiptError */
function assertShownTokens(
  { logprobs, topLogprobs }: InferenceRequest,
  { opening, header, tokens, text }: SealedAnswer,
): void {
  if (!logprobs) return;
  const rows = parseOpening(opening).windows.flatMap(({ draws }) => decodeDraws(draws, header).rows);
  const checks = [checkShownLogprobs(rows, tokens, topLogprobs), checkShownBytes(tokens, text)];
  const failed = checks.find(({ status }) => status === 'fail');
  if (failed) throw new ReceiptError(failed.id, `${failed.id}: ${failed.detail}`, { checks });
}
