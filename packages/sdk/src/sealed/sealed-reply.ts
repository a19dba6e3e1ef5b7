import { concatBytes, fromBase64, ProtocolError, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createNobleSeal } from '@ogong/protocol/crypto/noble-seal';
import { MAX_RESPONSE_BYTES, PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import { hashBeginning } from '@ogong/protocol/exchange/progress';
import type { Delta, SealedEnd, TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import type { Modality } from '@ogong/protocol/modality/modality';
import {
  type AnswerFormat,
  DEFAULT_FORMAT,
  readAnswerFormat,
} from '@ogong/protocol/modality/text/answer/answer-format';
import { type Header, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { UNIT_SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import { readSealedMessage } from '@ogong/protocol/sealing/sealed-message';
import { openRefusal } from '@ogong/protocol/sealing/sealed-refusal';
import { createReplyOpener, type ReplyOpener } from '@ogong/protocol/sealing/sealed-reply';
import { sealRequest } from '@ogong/protocol/sealing/sealed-request';
import { parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import type { SealedDisclosure } from '@ogong/protocol/verdict/receipt/sealed-disclosure';
import { GatewayApiError, SealedCallError } from '../errors.ts';
import { readEvents } from '../event-stream.ts';
import { type CheckedOffer, type PostJson, type PrivateRequest, tellOutcome } from './ask-offer.ts';
import { createStandingPart } from './standing-part.ts';

/** A provider's sealed text, as it comes. */
export interface SealedDelta {
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  readonly format: AnswerFormat;
}

/** All of it, opened and not checked yet. */
export interface SealedAnswer {
  readonly replyId: string;
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  readonly format: AnswerFormat;
  readonly opening: Uint8Array;
  readonly header: Header;
  /** With its opening. */
  readonly receipt: Receipt;
}

const seal = createNobleSeal((length) => globalThis.crypto.getRandomValues(new Uint8Array(length)));
const tools = { crypto, seal };
const SECRET_BYTES = 32;
const SCOPE_BYTES = 32;

/** Vectors, or scores: opened and not checked yet. */
export interface SealedVectors extends Pick<SealedAnswer, 'replyId' | 'opening' | 'receipt'> {
  readonly response: Uint8Array;
  readonly promptTokens: number;
}

/** Joins the parts of a reply into an answer, within the bounds of the request. */
interface SealedForm<D, A> {
  text(): string;
  start(event: SealedEventJson): void;
  add(delta: Delta): D;
  end(value: SealedEnd): void;
  close(replyId: string, event: SealedEventJson): A;
}

/**
 * Seals a request to the provider of an offer, and opens the reply.
 * @throws SealedCallError if it does not open; GatewayApiError
 */
export async function* openSealedReply<D, A>(
  post: PostJson,
  { request, body, media = NO_MEDIA }: Pick<PrivateRequest, 'request' | 'body' | 'media'>,
  {
    offered,
    signal,
    onSealed,
  }: {
    readonly offered: CheckedOffer;
    readonly signal: AbortSignal | undefined;
    readonly onSealed?: ((disclosure: SealedDisclosure) => void) | undefined;
  },
  answer: SealedForm<D, A>,
): AsyncGenerator<D, A> {
  const { offer, ticket, replyId, sealKey, requestHash, validatorKey, machine } = offered;
  const suite = request.preference?.sealSuite;
  if (onSealed && suite === UNIT_SEAL_SUITE) {
    throw new SealedCallError('unsupported', 'a reply of seal suite 2 has no one secret to show: leave out onSealed');
  }
  const replyKey = seal.openKemKey(seal.random(SECRET_BYTES));
  const {
    envelope,
    reply: secret,
    media: mediaSeal,
  } = sealRequest(tools, {
    exchange: { ledger: offer.ledger, providerId: ticket.providerId, replyId, requestHash },
    ...{ to: sealKey, suite },
    // A unique scope: no other prompt shares a cache with this one.
    inner: { endpoint: request.endpoint, cacheScope: seal.random(SCOPE_BYTES), replyKey: replyKey.publicKey, body },
  });
  const id = toHex(replyId);
  // A part would show the validator the texts of a machine's reply. No validator takes one of a request with media.
  const wantsMilestones = validatorKey !== undefined && machine === undefined && media.size === 0;
  const pieces = media.size === 0 ? [] : mediaSeal.seal(encodeMedia(media));
  const message = {
    reply_id: id,
    ...(wantsMilestones && { milestones: true }),
    ...(pieces.length > 0 && { envelope_bytes: envelope.length }),
  };
  const sent = pieces.length > 0 ? concatBytes(envelope, ...pieces) : envelope;
  let opener: ReplyOpener | undefined;
  let head: Uint8Array = new Uint8Array();
  const units: Uint8Array[] = [];
  const response = await post(GATEWAY_ROUTES.sealedReply.path, message, signal, sent).catch((error: unknown) => {
    throw openWords(error);
  });
  if (response.body === null) throw new SealedCallError('missing', 'the gateway answered without a body');
  const { answer: blind } = computeBlinds(crypto, { body, replyId });
  const progress = createProgress(post, { id, blind });
  const part = createStandingPart({ seal }, { offered, blind, endpoint: request.endpoint, body });
  try {
    for await (const data of readEvents(response.body)) {
      if (data === '[DONE]') break;
      const event = readEvent(data, response.status);
      if (event.type === 'started') answer.start(event);
      else if (event.type === 'sealed') {
        const opened = open(event);
        if (opened === undefined) continue;
        if ('milestone' in opened) {
          if (!wantsMilestones) throw new SealedCallError('malformed', 'a milestone that nobody asked for');
          part.take(opened.milestone, answer.text());
        } else if ('refusal' in opened) throw new SealedCallError('malformed', 'a refusal without an error');
        else if ('end' in opened) answer.end(opened.end);
        else if ('delta' in opened) {
          const delta = answer.add(opened.delta);
          progress(answer.text());
          yield delta;
        }
      } else return answer.close(id, event);
    }
    throw new SealedCallError('truncated', 'the gateway ended the reply before its end');
  } catch (error) {
    if (!signal?.aborted) await tellBroken(error);
    throw openWords(error);
  } finally {
    if (opener) onSealed?.({ replyId, exporterSecret: opener.exporterSecret, head, units });
  }

  /** Returns the error of a gateway with the words that the provider sealed beside it, if they open. */
  function openWords(error: unknown): unknown {
    if (!(error instanceof GatewayApiError) || error.sealed === undefined) return error;
    const words = openRefusal(error.sealed, open);
    if (words === undefined) return error;
    const code = parseOverflow(words) === undefined ? error.code : 'context_length_exceeded';
    return new GatewayApiError(error.status, { error: { message: words, code, param: error.param } });
  }

  /** The gateway sees no text: this reports the result of a reply that broke off or does not open. */
  async function tellBroken(error: unknown): Promise<void> {
    if (error instanceof SealedCallError && error.code !== 'truncated') {
      await tellOutcome(post, id, { outcome: 'failed', reason: error.code });
    } else if (error instanceof GatewayApiError) {
      // The next provider is asked meanwhile.
      setTimeout(() => {
        const standing = part.close();
        if (standing !== undefined) void tellOutcome(post, id, standing.outcome, standing.sealed);
      });
    }
  }

  function open({ head: first, unit: encoded }: SealedEventJson) {
    try {
      if (opener === undefined) {
        head = fromBase64(first ?? '');
        opener = createReplyOpener({ seal }, { secret, replyKey, head });
      }
      const unit = fromBase64(encoded ?? '');
      if (onSealed) units.push(unit);
      const opened = opener.open(unit);
      return opened && readSealedMessage(opened);
    } catch (cause) {
      if (!(cause instanceof SealError) && !(cause instanceof ProtocolError)) throw cause;
      throw new SealedCallError(cause.code, `the reply does not open: ${cause.message}`, { cause });
    }
  }
}

interface SealedEventJson {
  readonly type?: unknown;
  readonly calls?: string;
  readonly reasoning?: string;
  readonly marks?: string;
  readonly head?: string;
  readonly unit?: string;
  readonly receipt?: unknown;
}

function readEvent(data: string, status: number): SealedEventJson {
  const event = JSON.parse(data) as SealedEventJson & { readonly error?: unknown };
  if (event.error !== undefined) throw new GatewayApiError(status, event);
  const isKnown = event.type === 'started' || event.type === 'sealed' || event.type === 'finished';
  if (isKnown) return event;
  throw new SealedCallError('malformed', 'the gateway sends an event of no kind that is known');
}

/** Reports the received amount to the gateway, so that the provider continues. No caller waits for it. */
function createProgress(
  post: PostJson,
  { id, blind }: { readonly id: string; readonly blind: Uint8Array },
): (text: string) => void {
  const path = formatPath(GATEWAY_ROUTES.sealedProgress, { id });
  let saidBytes = 0;
  let telling: Promise<unknown> = Promise.resolve();
  return (text) => {
    // No text has fewer bytes than UTF-16 units.
    if (text.length * 3 - saidBytes < PROGRESS_STEP_BYTES) return;
    const bytes = utf8Encode(text);
    if (bytes.length - saidBytes < PROGRESS_STEP_BYTES) return;
    saidBytes = bytes.length;
    const said = { text_bytes: bytes.length, text_hash: toHex(hashBeginning(crypto, blind, bytes)) };
    telling = telling.then(() => post(path, said)).catch(() => undefined);
  };
}

export function createTextForm({
  maxTokens,
  logprobs,
}: Pick<InferenceRequest, 'maxTokens' | 'logprobs'>): SealedForm<SealedDelta, SealedAnswer> {
  let text = '';
  let format = DEFAULT_FORMAT;
  const tokens: TokenLogprob[] = [];
  let last: SealedEnd | undefined;

  return {
    text: () => text,
    start({ calls = '', reasoning = '', marks = '' }: SealedEventJson) {
      if (calls === '' && reasoning === '' && marks === '') return;
      try {
        format = readAnswerFormat({ calls, reasoning, marks });
      } catch {
        fail('it is of no answer format that is known');
      }
    },
    add(delta: Delta): SealedDelta {
      if (last !== undefined) fail('it goes on after its end');
      text += delta.text;
      if (logprobs) for (const token of delta.tokens) tokens.push(token);
      if (text.length > MAX_RESPONSE_BYTES || tokens.length > maxTokens) fail('it is longer');
      return { text: delta.text, tokens: logprobs ? delta.tokens : [], format };
    },
    end(value: SealedEnd) {
      last = value;
    },
    close(replyId: string, event: SealedEventJson): SealedAnswer {
      const { opening, receipt, header } = readEnd(last, event, parseHeader);
      return { ...{ replyId, text, tokens, format, opening, header }, receipt };
    },
  };
}

/** Vectors and tensors leave all at once, with the opening. */
export function createVectorForm(parse: Modality['parseHeader']): SealedForm<never, SealedVectors> {
  let last: SealedEnd | undefined;
  return {
    text: () => '',
    start: () => {},
    add: () => fail('it holds a text'),
    end(value) {
      last = value;
    },
    close(replyId, event) {
      const { receipt, opening, header, response } = readEnd(last, event, parse);
      return { replyId, opening, receipt, promptTokens: header.promptTokenCount, response };
    },
  };
}

/** @throws SealedCallError */
function readEnd<H>(last: SealedEnd | undefined, event: SealedEventJson, parse: (header: Uint8Array) => H) {
  if (last === undefined) throw new SealedCallError('truncated', 'the reply ended before its last part came');
  const { opening, response } = last;
  try {
    const receipt = { ...parseReceipt(event.receipt), opening: { bytes: opening } };
    return { opening, response, receipt, header: parse(parseOpening(opening).header) };
  } catch (cause) {
    throw new SealedCallError('malformed', `the receipt cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function fail(why: string): never {
  throw new SealedCallError('malformed', `the reply is not what was asked for: ${why}`);
}
