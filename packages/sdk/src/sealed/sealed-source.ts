import { toHex } from '@ogong/protocol/base/bytes';
import { computeCommitment, parseOpening } from '@ogong/protocol/commitment/opening';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import { type InferenceRequest, parseRequest } from '@ogong/protocol/modality/text/request/request';
import { checkShownBytes, checkShownLogprobs } from '@ogong/protocol/modality/text/stage1/shown-logprobs';
import type { FindModelRoots } from '@ogong/protocol/stage1/published-root';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { CheckedReply, GatewayAnswer } from '../check-answer.ts';
import type { AnswerBody, CheckedAnswer, Chunk } from '../checked-stream.ts';
import { GatewayApiError, ReceiptError, SealedCallError } from '../errors.ts';
import { askOffer, type PostJson } from './ask-offer.ts';
import { openSealedReply, type SealedAnswer, type SealedDelta } from './sealed-reply.ts';
import { wordAnswer, wordChunks } from './word-answer.ts';

/** @param allow ids of checks that this pass does without. @throws ReceiptError */
export type VerifyAnswer = (answer: GatewayAnswer, allow?: readonly string[]) => Promise<CheckedReply[]>;

export interface SealedSourceOptions {
  readonly post: PostJson;
  readonly verify: VerifyAnswer;
  readonly trust?: Trust;
  readonly allow?: readonly string[];
  readonly findModelRoots?: FindModelRoots;
}

/** One request that is sealed to its provider, in the place of a gateway that would answer it. */
export interface SealedSource {
  /** As a gateway would stream them. @throws SealedCallError, GatewayApiError */
  chunks(): AsyncGenerator<Chunk>;
  /** The whole answer, as `check` hands it over. One that fails is asked of somebody else. @throws ReceiptError and the same */
  answer<T extends AnswerBody>(check: (response: T) => Promise<CheckedAnswer<T>>): Promise<CheckedAnswer<T>>;
  /** Checks an answer and tells the gateway what it found. @throws ReceiptError */
  verify: VerifyAnswer;
}

const MAX_TRIES = 3;
/** What another provider may do better. */
const TRIED_AGAIN: ReadonlySet<string | null> = new Set([
  'order_not_admitted',
  'provider_failed',
  'provider_timeout',
  'provider_busy',
  'request_refused',
  'seal_key_expired',
]);
const NOBODY: ReadonlySet<string | null> = new Set(['no_provider', 'model_not_found']);

/** @throws RequestError, SealedCallError where the request is none that can be sealed. */
export function createSealedSource(
  { post, verify, trust = {}, allow = [], findModelRoots }: SealedSourceOptions,
  call: { readonly endpoint: Endpoint; readonly body: Uint8Array; readonly signal: AbortSignal | undefined },
): SealedSource {
  const { endpoint, body, signal } = call;
  const request = parseRequest(body, endpoint);
  assertSealable(request);
  const { ogong } = JSON.parse(new TextDecoder().decode(body)) as { readonly ogong?: Record<string, unknown> };
  const asked = { request, body, ogong };
  const known = { ...trust, allow: [...(trust.allow ?? []), ...allow] };
  const tried: Uint8Array[] = [];
  let failed: unknown;
  let last: SealedAnswer | undefined;

  /** Who has failed before anything was shown is not asked again. */
  async function* open(): AsyncGenerator<SealedDelta, SealedAnswer> {
    for (;;) {
      let hasBegun = false;
      try {
        const offered = await askOffer(post, asked, { trust: known, findModelRoots, tried, signal });
        tried.push(offered.ticket.providerId);
        const reply = openSealedReply(post, asked, { offered, signal });
        try {
          for (;;) {
            const next = await reply.next();
            if (next.done) {
              last = next.value;
              return last;
            }
            hasBegun = true;
            yield next.value;
          }
        } finally {
          await reply.return(undefined as never);
        }
      } catch (error) {
        // Report the provider's own failure, not that no other provider was left.
        if (failed !== undefined && error instanceof GatewayApiError && NOBODY.has(error.code)) throw failed;
        if (hasBegun || signal?.aborted || !mayTryAgain(error)) throw error;
        failed = error;
      }
    }
  }

  function mayTryAgain(error: unknown): boolean {
    // An offer that does not hold is its gateway's fault, and the gateway stays the same.
    if (tried.length === 0 || tried.length >= MAX_TRIES) return false;
    if (error instanceof GatewayApiError) return TRIED_AGAIN.has(error.code);
    return error instanceof SealedCallError && error.checks.length === 0 && error.code !== 'unsupported';
  }

  /** The gateway knows nothing of the reply but what it is told here. If it does not listen, the answer is no worse. */
  async function tell({ replyId }: SealedAnswer, outcome: object): Promise<void> {
    const path = formatPath(GATEWAY_ROUTES.sealedOutcome, { id: replyId });
    await post(path, outcome).catch(() => undefined);
  }

  return {
    async *chunks() {
      yield* wordChunks(request, open()) as AsyncGenerator<Chunk>;
    },

    async answer<T extends AnswerBody>(check: (response: T) => Promise<CheckedAnswer<T>>) {
      for (;;) {
        const response = (await wordAnswer(request, open())) as unknown as T;
        try {
          return await check(response);
        } catch (error) {
          const mayRepeat = error instanceof ReceiptError && error.retryable && tried.length < MAX_TRIES;
          if (!mayRepeat || signal?.aborted) throw error;
          failed = error;
        }
      }
    },

    async verify(answer) {
      const opened = last;
      if (opened === undefined) throw new ReceiptError('missing', 'nothing was answered');
      let replies: CheckedReply[];
      try {
        assertShownTokens(request, opened);
        replies = await verify(answer, ['intake']);
      } catch (error) {
        const isRefuted = error instanceof ReceiptError && error.code !== 'unchecked';
        if (isRefuted) await tell(opened, { outcome: 'failed', reason: error.code });
        throw error;
      }
      const { headerProof } = computeCommitment(crypto, parseOpening(opened.opening));
      const responseBytes = replies[0]?.response.length ?? 0;
      const held = { outcome: 'held', header_proof: headerProof.map(toHex), response_bytes: responseBytes };
      await tell(opened, held);
      // The validator's word for the record comes once the gateway has said which one this client holds.
      return known.allow.includes('intake') ? replies : verify(answer);
    },
  };
}

/** @throws SealedCallError */
function assertSealable({ choices, echo }: InferenceRequest): void {
  const refuse = (why: string): never => {
    throw new SealedCallError('unsupported', `this request cannot be sealed yet: ${why}`);
  };
  if (choices > 1) refuse('ask for one choice (n), and again for the next one');
  if (echo) refuse('no prompt is echoed');
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
