import { setTimeout as delay } from 'node:timers/promises';
import { BlobError } from '@ogong/host/blob/blob-error';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createKemKeyStock } from '@ogong/host/crypto/node-seal';
import { ApiError } from '@ogong/host/http/api-error';
import { createOverflowError } from '@ogong/host/http/overflow-error';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { monotonicClock } from '@ogong/host/time/clock';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import {
  type Finished,
  type GenerateEvent,
  type Milestone,
  type PictureStep,
  ProviderService,
  type SealedEnd,
  type Started,
  type TokenLogprob,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { cutPieces, encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import {
  type AnswerFormat,
  DEFAULT_FORMAT,
  readAnswerFormat,
} from '@ogong/protocol/modality/text/answer/answer-format';
import { parseOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { openRefusal, parseRefusalPart } from '@ogong/protocol/sealing/sealed-refusal';
import type { TicketedMatch } from './match/provider-match.ts';
import { createOrderPacing, type OrderPacing, waitForPlace } from './order-pacing.ts';
import { EndedStream } from './provider-ended.ts';
import { createReplyBounds, type ReplyLimits } from './reply-bounds.ts';
import type { KnownSealKeys } from './seal/seal-keys.ts';
import { type SealableCall, type SealedCall, sealCall } from './seal/sealed-call.ts';
import { sendMedia } from './send-media.ts';
import { createStepFollower, type StepLimits } from './step-follower.ts';

export interface Delta {
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  /** The format of the text, as the provider declares it. */
  readonly format: AnswerFormat;
  /** Tokens of the prompt as the provider states them when it begins. The signed header at the end counts. */
  readonly promptTokens?: number;
  /** A computed step of a picture, without text. */
  readonly step?: PictureStep;
}

export interface ProviderCallOptions {
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
}

/** One call of a provider. A provider that streams more than the request allows is cut off. */
export interface GenerateInput extends ReplyLimits, SealableCall {
  /** Certificate of the order's epoch; empty at genesis. */
  readonly beacon: Uint8Array;
  /** The media that the request names. Default: none. */
  readonly media?: RequestMedia | undefined;
  readonly signal: AbortSignal;
  /** Receives the milestones of a text. Default: none is requested. */
  readonly onMilestone?: ((milestone: Milestone) => void) | undefined;
  /** The steps of a picture are passed on. Default: the reply has none. */
  readonly steps?: StepLimits | undefined;
}

/** The end of a provider's stream. */
export interface ProviderEnd {
  readonly finished: Finished;
  /** The opening of a sealed reply. */
  readonly opening: Uint8Array | undefined;
}

export interface ProviderCall {
  /**
   * Yields the provider's stream in parts that each have some text, so that an empty part does not count as a first token.
   * @throws ApiError `provider_unreachable` if the order never reached the provider; `provider_failed`, `provider_timeout`,
   * `order_not_admitted`
   */
  generate(input: GenerateInput): AsyncGenerator<Delta, ProviderEnd>;
  /** Sends the payer's signed progress on a running reply to its provider. @throws LinkError */
  sendProgress(match: TicketedMatch, replyId: Uint8Array, progress: SignedProgress): Promise<void>;
  /**
   * Fetches the opening, and retries with a slow or unreachable provider until the time is over.
   * @throws LinkError if the provider does not open.
   */
  getOpening(match: TicketedMatch, replyId: Uint8Array, patienceMs: number): Promise<Uint8Array>;
  /**
   * Fetches a blob that the opening names, checked. Retries a few times with a slow or unreachable provider.
   * @param blind of the opening. @throws BlobError
   */
  getBlob(match: TicketedMatch, replyId: Uint8Array, ref: BlobRef, blind: Uint8Array): Promise<Uint8Array>;
}

/** Attempts that are made even if the time is over, since this process may have been stopped meanwhile. */
const LEAST_TRIES = 3;
/** A client that leaves does not wait longer. */
const PROGRESS_TIMEOUT_MS = 2_000;
const OPENING_TIMEOUT_MS = 10_000;
const BLOB_TIMEOUT_MS = 30_000;
/** The largest blob that a gateway holds in memory. */
const HELD_BLOB_BYTES = 64 * 2 ** 20;
const PAUSE = { firstMs: 100, longestMs: 2_000 };
/** Reply keys that are made in advance. */
const REPLY_KEYS = 8;

interface ProviderCallDependencies {
  readonly links: LinkPool;
  /** Default: a pacing of its own. */
  readonly pacing?: OrderPacing;
  /** Default: nothing is sealed. */
  readonly sealing?: { readonly keys: KnownSealKeys; readonly ledger: LedgerDomain };
  /** Default: that of Node. */
  readonly crypto?: Crypto;
  /** Default: seals for the provider's seal key. */
  readonly seal?: typeof sealCall;
}

export function createProviderCall(
  options: ProviderCallOptions,
  { links, sealing, seal = sealCall, pacing = createOrderPacing(), crypto = nodeCrypto }: ProviderCallDependencies,
): ProviderCall {
  const takeReplyKey = createKemKeyStock(REPLY_KEYS);
  const provider = ({ ticket }: TicketedMatch) =>
    links.to(ProviderService, { endpoint: ticket.providerEndpoint, certHash: ticket.providerCertHash });

  /** Seals the request if the provider has a seal key. A provider that has restarted has another key, and reports that first. */
  async function* callProvider(
    input: GenerateInput,
    { signal, onWait, onSend }: { readonly signal: AbortSignal; onWait(): void; onSend(): void },
  ): AsyncGenerator<OpenedEvent> {
    const { match, order, request, cacheScope, endpoint } = input;
    const call = { order, ticket: match.signed, milestones: input.onMilestone !== undefined, beacon: input.beacon };
    for (let isAgain = false; ; isAgain = true) {
      onWait();
      const to = await sealing?.keys.find(match, signal).catch((error: unknown) => {
        throw error instanceof LinkError && error.code !== 'canceled' ? createUnreachable(error) : error;
      });
      if (to === undefined && input.sealSuite !== undefined) {
        throw new ApiError('provider_busy', 'The request demands to be sealed, and nothing can be to this provider.');
      }
      const sealed = to && sealing && seal(input, { to, ledger: sealing.ledger, replyKey: takeReplyKey() });
      const asked = sealed ? { sealed: sealed.envelope } : { request, endpoint, cacheScope };
      const patience = { signal, patienceMs: options.firstTokenTimeoutMs };
      const paced = await waitForPlace(pacing, match.ticket.providerId, patience);
      onSend();
      let isFull = false;
      try {
        const events = provider(match).generate({ ...call, ...asked }, { signal, timeoutMs: options.totalTimeoutMs });
        for await (const event of events) {
          paced.answered();
          if (event.event.case === 'mediaWanted') {
            // The time of the transfer is not the provider's silence.
            onWait();
            const { replyId } = match.ticket;
            await sendMedia(provider(match), { replyId, pieces: cutMedia(input, sealed), signal });
            onSend();
          } else yield openEvent(event, sealed);
        }
        return;
      } catch (error) {
        isFull = error instanceof LinkError && error.code === 'rate-limited';
        const isStale = sealed !== undefined && error instanceof LinkError && error.refusal === 'unsupported';
        if (!isStale || isAgain) throw sealed ? openWords(error, sealed) : error;
        sealing?.keys.forget(match);
      } finally {
        paced.ended(isFull);
      }
    }
  }

  return {
    async *generate(input) {
      const { signal } = input;
      const silence = new AbortController();
      const arm = (ms: number) => setTimeout(() => silence.abort(), ms);
      let timer: NodeJS.Timeout | undefined;
      // Time that an order waits here is not the provider's silence.
      const onWait = (): void => clearTimeout(timer);
      const onSend = (): void => {
        timer = arm(options.firstTokenTimeoutMs);
      };
      const bounds = createReplyBounds(input);
      const followStep = input.steps && createStepFollower(input.steps);
      const begunTimeoutMs = input.steps?.areHidden ? options.totalTimeoutMs : options.firstTokenTimeoutMs;
      let hasBegun = false;
      let hasStarted = false;
      let hasText = false;
      /** Tokens that came without text: a token may hold only the first bytes of a character. */
      let waiting: TokenLogprob[] = [];
      let format = DEFAULT_FORMAT;
      let stated: Pick<Delta, 'promptTokens'> = {};
      let end: SealedEnd | undefined;
      try {
        for await (const event of callProvider(input, {
          signal: AbortSignal.any([signal, silence.signal]),
          onWait,
          onSend,
        })) {
          if (event.case === 'ended') throw new EndedStream(event.value, { hasBegun });
          hasBegun = true;
          bounds.addMessage();
          if (event.case === 'delta') bounds.add(event.value);
          const isPart = event.case === 'delta' && event.value.text !== '';
          // Before the first text, only the start is a sign of life. Parts without text must not make a provider look awake or
          // fast. Vectors come as sealed units alone, and each unit is a sign of life, since they take long.
          const isUnit = input.maxTokens === 0 && (event.case === 'part' || event.case === 'end');
          const step = event.case === 'step' ? followStep?.(event.value) : undefined;
          const isSignOfLife =
            hasText || isPart || isUnit || step !== undefined || (event.case === 'started' && !hasStarted);
          if (isSignOfLife || event.case === 'finished') clearTimeout(timer);
          if (event.case === 'finished') {
            if (waiting.length > 0) yield { text: '', tokens: waiting, format, ...stated };
            return joinEnd(event.value, end);
          }
          if (event.case === 'started') {
            format = readFormat(event.value);
            stated = { promptTokens: event.value.promptTokens };
            hasStarted = true;
          }
          if (event.case === 'end') end = event.value;
          if (event.case === 'milestone') takeMilestone(input, event.value);
          if (event.case === 'delta') {
            for (const token of event.value.tokens) waiting.push(token);
            if (isPart) {
              const tokens = waiting;
              waiting = [];
              hasText = true;
              // The timer is off while the reader is slow: only the provider's own silence counts.
              yield { text: event.value.text, tokens, format, ...stated };
            }
          }
          if (step !== undefined) yield { text: '', tokens: [], format, step };
          if (isSignOfLife) timer = arm(hasText ? options.idleTimeoutMs : begunTimeoutMs);
        }
        throw new ApiError('provider_failed', 'The provider ended the stream without a record.');
      } catch (error) {
        throw toProviderError(error, { wasSilent: silence.signal.aborted, hasBegun, hasText });
      } finally {
        clearTimeout(timer);
      }
    },

    async sendProgress(match, replyId, progress) {
      await provider(match).progress({ replyId, progress }, { timeoutMs: PROGRESS_TIMEOUT_MS });
    },

    async getOpening(match, replyId, patienceMs) {
      const endMs = monotonicClock.nowMs() + patienceMs;
      for (let tries = 1; ; tries++) {
        try {
          return (await provider(match).getOpening({ replyId }, { timeoutMs: OPENING_TIMEOUT_MS })).opening;
        } catch (error) {
          const isOver = tries >= LEAST_TRIES && monotonicClock.nowMs() >= endMs;
          if (isOver || !(error instanceof LinkError) || !error.retryable) throw error;
        }
        await delay(computeBackoff(PAUSE, { failures: tries - 1 }));
      }
    },

    async getBlob(match, replyId, ref, blind) {
      const limits = { crypto, maxBytes: HELD_BLOB_BYTES, timeoutMs: BLOB_TIMEOUT_MS };
      for (let tries = 1; ; tries++) {
        try {
          return await fetchBlob(provider(match), { replyId, ref, blind }, limits);
        } catch (error) {
          if (tries >= LEAST_TRIES || !(error instanceof BlobError) || !error.retryable) throw error;
        }
        await delay(computeBackoff(PAUSE, { failures: tries - 1 }));
      }
    },
  };
}

/** @returns the pieces of the media of a request; none if it names no media. */
function cutMedia({ media = NO_MEDIA }: Pick<GenerateInput, 'media'>, sealed: SealedCall | undefined) {
  if (media.size === 0) return [];
  const encoded = encodeMedia(media);
  return sealed ? sealed.sealMedia(encoded) : cutPieces(encoded);
}

/** Returns the provider's refusal with the words that it sealed. */
function openWords(error: unknown, sealed: SealedCall): unknown {
  if (!(error instanceof LinkError) || error.sealedWords === undefined) return error;
  const part = parseRefusalPart(error.sealedWords);
  const words = part && openRefusal(part, sealed.open);
  if (words === undefined) return error;
  const { code, refusal, isUnsent } = error;
  return new LinkError(code, words, { cause: error, isUnsent, ...(refusal && { refusal }) });
}

type OpenedEvent =
  | GenerateEvent['event']
  | { readonly case: 'end'; readonly value: SealedEnd }
  | { readonly case: 'part' };

const PART: OpenedEvent = { case: 'part' };

/**
 * Opens a sealed event. A unit of a longer message counts as a sign of life.
 * @throws ApiError if it does not open, or is in plain although the request was sealed.
 */
function openEvent({ event }: GenerateEvent, sealed: SealedCall | undefined): OpenedEvent {
  if (event.case === 'sealed' && sealed !== undefined) {
    const opened = sealed.open(event.value);
    if (opened === undefined) return PART;
    if ('milestone' in opened) return { case: 'milestone', value: opened.milestone };
    if ('step' in opened) return { case: 'step', value: opened.step };
    if ('refusal' in opened) throw new ApiError('provider_failed', 'The provider refuses within its reply.');
    return 'end' in opened ? { case: 'end', value: opened.end } : { case: 'delta', value: opened.delta };
  }
  const isInPlain =
    event.case === 'delta' ||
    event.case === 'milestone' ||
    event.case === 'step' ||
    (event.case === 'finished' && (event.value.text !== '' || event.value.response.length > 0));
  if (event.case === 'sealed' || (sealed !== undefined && isInPlain)) {
    throw new ApiError('provider_failed', 'The provider answers sealed to plain, or plain to sealed.');
  }
  return event;
}

/** @throws ApiError if none was requested, or if it is the last of a reply that is given up. */
function takeMilestone({ onMilestone }: Pick<GenerateInput, 'onMilestone'>, milestone: Milestone): void {
  if (onMilestone === undefined)
    throw new ApiError('provider_failed', 'The provider sends milestones that nobody asked for.');
  onMilestone(milestone);
  // No milestone follows the last one, so a last one that comes early is checked at most once.
  if (milestone.last) throw new ApiError('provider_failed', 'The provider gives the reply up.');
}

/** Adds the fields of the last sealed message to the end. */
function joinEnd(finished: Finished, end: SealedEnd | undefined): ProviderEnd {
  if (end === undefined) return { finished, opening: undefined };
  const { text, response, opening } = end;
  return { finished: { ...finished, text, response }, opening };
}

/** The order was not sent, so its provider is not at fault. */
const createUnreachable = (cause: LinkError): ApiError =>
  new ApiError('provider_unreachable', `The provider cannot be reached (${cause.code}).`, { cause, retryAfterS: 2 });

/** A reply that is no text has no format. @throws ApiError */
function readFormat({ calls, reasoning, marks }: Started): AnswerFormat {
  if (calls === '' && reasoning === '' && marks === '') return DEFAULT_FORMAT;
  try {
    return readAnswerFormat({ calls, reasoning, marks });
  } catch (cause) {
    throw new ApiError('provider_failed', 'The provider names no known answer format.', { cause });
  }
}

export function toProviderError(
  error: unknown,
  { wasSilent, hasBegun, hasText }: { wasSilent: boolean; hasBegun: boolean; hasText: boolean },
): unknown {
  if (error instanceof LinkError && error.isUnsent && (wasSilent || error.code !== 'canceled')) {
    return createUnreachable(error);
  }
  if (wasSilent || (error instanceof LinkError && error.code === 'timeout')) {
    return new ApiError('provider_timeout', 'The provider did not answer in time.', { cause: error });
  }
  if (!(error instanceof LinkError) || error.code === 'canceled') return error;
  // The client can correct a fault in the request, such as a prompt that is too long. But a provider that has begun its answer
  // has accepted the request: its signed part counts.
  if (error.refusal === 'invalid' && !hasText) {
    if (parseOverflow(error.message) !== undefined) {
      return createOverflowError(error.message, { code: 'request_refused', cause: error });
    }
    return new ApiError('request_refused', `The provider refuses the request: ${error.message}`, { cause: error });
  }
  if (error.refusal === 'unavailable' && !hasBegun) {
    return new ApiError('provider_busy', `The provider cannot take the request now: ${error.message}`, {
      cause: error,
      retryAfterS: 2,
    });
  }
  if (error.code === 'rate-limited' && !hasBegun) {
    return new ApiError('provider_busy', 'The provider takes no more orders from here for the moment.', {
      cause: error,
      retryAfterS: 2,
    });
  }
  if (error.refusal === 'not-admitted' && !hasBegun) {
    return new ApiError(
      'order_not_admitted',
      `The provider serves nothing before the order is admitted: ${error.message}`,
      {
        cause: error,
        retryAfterS: 2,
      },
    );
  }
  // The provider gives a reason for its refusal, and has not begun.
  if (error.refusal !== undefined && !hasBegun) {
    return new ApiError('provider_busy', `The provider does not take the order: ${error.message}`, {
      cause: error,
      retryAfterS: 2,
    });
  }
  const why = error.code === 'remote' ? `: ${error.message}` : ` (${error.code})`;
  return new ApiError('provider_failed', `The provider failed${why}`, { cause: error });
}
