import type { MessageInitShape } from '@bufbuild/protobuf';
import { ApiError } from '@ogong/host/http/api-error';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { CAPSULE_BYTES } from '@ogong/protocol/crypto/seal-primitives';
import { MAX_SEALED_REPLY_BYTES } from '@ogong/protocol/exchange/limits';
import {
  type Finished,
  type GenerateEvent,
  ProviderService,
  type SealedPart,
  type SignedOrderSchema,
  type Started,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseRefusalPart } from '@ogong/protocol/sealing/sealed-refusal';
import type { TicketedMatch } from '../buy/match/provider-match.ts';
import { type OrderPacing, waitForPlace } from '../buy/order-pacing.ts';
import { type ProviderCallOptions, toProviderError } from '../buy/provider-call.ts';
import { EndedStream } from '../buy/provider-ended.ts';
import { computeMostMessages } from '../buy/reply-bounds.ts';
import { sendMedia } from '../buy/send-media.ts';

/** A provider's message to a client that has sealed its request. */
export type SealedEvent =
  | { readonly case: 'started'; readonly value: Started }
  | { readonly case: 'sealed'; readonly value: SealedPart };

/** The code that a client reads if the provider has restarted, or the offer was kept too long. */
export const SEAL_KEY_EXPIRED = 'seal_key_expired';

/** The provider broke the protocol, and its stream did not break off. No part that its client has excuses it. */
export class SealedBreach extends ApiError {
  constructor(message: string) {
    super('provider_failed', message);
  }
}

export interface SealedPass {
  readonly links: LinkPool;
  readonly options: ProviderCallOptions;
  readonly pacing: OrderPacing;
}

interface SealedInput {
  readonly match: TicketedMatch;
  readonly order: MessageInitShape<typeof SignedOrderSchema>;
  readonly envelope: Uint8Array;
  /** Sealed pieces of the media of the request. Default: it names none. */
  readonly media?: readonly Uint8Array[] | undefined;
  /** Undefined for replies that are no text. */
  readonly maxTokens: number | undefined;
  /** The client takes milestones. */
  readonly milestones: boolean;
  readonly signal: AbortSignal;
}

/** Overhead of a unit of suite 2. */
const OWN_KEY_BYTES = CAPSULE_BYTES + 32;
/**
 * Passes a sealed request to its provider, and the reply to the client. It opens nothing. A provider that sends plain text is cut
 * off.
 * @throws ApiError `provider_failed`, `provider_timeout`, `provider_busy`, `provider_unreachable`, `order_not_admitted`,
 * `request_refused`
 */
export async function* passSealed(
  { links, options, pacing }: SealedPass,
  { match, order, envelope, media = [], maxTokens, milestones, signal }: SealedInput,
): AsyncGenerator<SealedEvent, Finished> {
  const silence = new AbortController();
  const arm = (ms: number) => setTimeout(() => silence.abort(), ms);
  const patience = { signal, patienceMs: options.firstTokenTimeoutMs };
  const paced = await waitForPlace(pacing, match.ticket.providerId, patience);
  let timer = arm(options.firstTokenTimeoutMs);
  let isFull = false;
  let hasBegun = false;
  let sealedBytes = 0;
  let units = 0;
  const mostUnits = computeMostMessages(maxTokens);
  const { providerEndpoint: endpoint, providerCertHash: certHash, replyId } = match.ticket;
  const link = links.to(ProviderService, { endpoint, certHash });
  const until = AbortSignal.any([signal, silence.signal]);
  try {
    const events = link.generate(
      { order, ticket: match.signed, sealed: envelope, milestones },
      { signal: until, timeoutMs: options.totalTimeoutMs },
    );
    for await (const { event } of events) {
      clearTimeout(timer);
      paced.answered();
      if (event.case === 'mediaWanted') {
        await sendMedia(link, { replyId, pieces: media, signal: until });
        timer = arm(options.firstTokenTimeoutMs);
        continue;
      }
      if (event.case === 'ended') throw new EndedStream(event.value, { hasBegun });
      hasBegun = true;
      assertSealed(event);
      if (event.case === 'finished') return event.value;
      // Drop an unknown event, and count it as a unit, so that it does not prolong the stream for ever.
      if (event.case === undefined) units++;
      if (event.case === 'sealed') {
        units++;
        sealedBytes += event.value.unit.length + event.value.head.length;
      }
      if (units > mostUnits || sealedBytes > MAX_SEALED_REPLY_BYTES + units * OWN_KEY_BYTES) {
        throw new SealedBreach('The provider sends more than a reply can have.');
      }
      if (event.case === 'started' || event.case === 'sealed') yield event;
      timer = arm(event.case === 'started' ? options.firstTokenTimeoutMs : options.idleTimeoutMs);
    }
    throw new ApiError('provider_failed', 'The provider ended the stream without a record.');
  } catch (error) {
    isFull = error instanceof LinkError && error.code === 'rate-limited';
    if (error instanceof LinkError && error.refusal === 'unsupported' && !hasBegun) {
      const why = 'The provider does not hold the key any more that the request is sealed to: take a new offer.';
      throw new ApiError('provider_busy', why, { cause: error, publicCode: SEAL_KEY_EXPIRED });
    }
    const failure = toProviderError(error, { wasSilent: silence.signal.aborted, hasBegun, hasText: units > 0 });
    throw failure instanceof ApiError && error instanceof LinkError ? addWords(failure, error) : failure;
  } finally {
    paced.ended(isFull);
    clearTimeout(timer);
  }
}

/** Adds the provider's sealed words, which the client alone can open. */
function addWords(failure: ApiError, { sealedWords }: LinkError): ApiError {
  const part = sealedWords && parseRefusalPart(sealedWords);
  if (part === undefined) return failure;
  const { code, message, cause, param, publicCode } = failure;
  const retryAfter = failure.retryAfterS === undefined ? {} : { retryAfterS: failure.retryAfterS };
  const words = { head: toBase64(part.head), unit: toBase64(part.unit) };
  return new ApiError(code, message, { cause, param, publicCode, ...retryAfter, sealedWords: words });
}

/** @throws SealedBreach if it has text that this gateway must not see. */
function assertSealed(event: GenerateEvent['event']): void {
  const isInPlain =
    event.case === 'delta' ||
    event.case === 'milestone' ||
    event.case === 'step' ||
    (event.case === 'finished' && (event.value.text !== '' || event.value.response.length > 0));
  if (isInPlain) throw new SealedBreach('The provider answers in plain to a sealed request.');
}
