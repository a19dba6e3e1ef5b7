import { ProtocolError, utf8Encode } from '../../../base/bytes.ts';
import {
  address,
  bytes,
  type Codec,
  type CodecType,
  createFormat,
  hash,
  i32,
  i64,
  list,
  oneOf,
  optional,
  refine,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
  within,
} from '../../../base/codec.ts';
import type { CommonHeader, HeaderBoundary } from '../../../commitment/common-header.ts';
import { partsCodec } from '../../../commitment/composed-root.ts';
import { MAX_HEADER_BYTES } from '../../../commitment/opening.ts';
import { assertDirections, MAX_EMBEDDING } from '../../../commitment/sketch.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { ED25519_SIGNATURE_BYTES } from '../../../crypto/hybrid.ts';
import { type AnswerFormat, assertOneEncoding, CALL_FAMILIES, REASONING_PLACES } from '../answer/answer-format.ts';
import { MARKS_NAMES } from '../answer/reasoning-marks.ts';
import type { DrawKeyInputs } from '../sampling/draw-key.ts';
import {
  type Filter,
  MAX_BIAS_Q16,
  MAX_BIASES,
  MAX_PENALTY_Q16,
  MAX_REPETITION_Q16,
  MAX_REPETITION_WINDOW,
  MAX_TEMPERATURE_Q16,
  MIN_REPETITION_Q16,
  type SamplerSettings,
  type TokenBias,
  WEIGHT_ONE,
} from '../sampling/sampler.ts';
import { TEXT_ENDPOINT_INFO } from './endpoints.ts';
import { thinkingCodec } from './thinking-wish.ts';

export type Endpoint = keyof typeof TEXT_ENDPOINT_INFO;
export type StopReason = 'stop-token' | 'stop-string' | 'length' | 'context' | 'cancelled';

/** The most pictures of a request, equal ones counted each: as many as Anthropic's API takes, for agents that look at many. */
export const MAX_PICTURES = 100;
/** A cohort has 64 shards at most, and the last one sends no rows. */
export const MAX_BOUNDARIES = 63;
/** The most prompt tokens of one picture. */
export const MAX_PICTURE_TOKENS = 2048;

const TOKENS_DOMAIN = utf8Encode('ogong-tokens-v1\n');
export const TEXT_ENDPOINTS = Object.keys(TEXT_ENDPOINT_INFO) as readonly Endpoint[];
const STOP_REASONS: readonly StopReason[] = ['stop-token', 'stop-string', 'length', 'context', 'cancelled'];
const FILTERS: readonly Filter[] = ['top-k', 'top-p', 'min-p'];
export const NO_GRAMMAR: Uint8Array = new Uint8Array(32);

/** The largest day since 1970-01-01 UTC, in the year 4707. Every date up to it has four digits in its year. */
const MAX_DAY = 1_000_000;

const penalty = within(i32, -MAX_PENALTY_Q16, MAX_PENALTY_Q16);

export const samplerCodec: Codec<SamplerSettings> = struct({
  temperatureQ16: within(u32, 0, MAX_TEMPERATURE_Q16),
  topK: within(u32, 0, 2 ** 24),
  topPQ24: within(u32, 1, WEIGHT_ONE),
  minPQ24: within(u32, 0, WEIGHT_ONE),
  presencePenaltyQ16: penalty,
  frequencyPenaltyQ16: penalty,
  repetitionPenaltyQ16: within(u32, MIN_REPETITION_Q16, MAX_REPETITION_Q16),
  repetitionWindow: within(u32, 0, MAX_REPETITION_WINDOW),
  filterOrder: refine(list(oneOf(FILTERS), { count: u8, max: FILTERS.length }), (filters) => {
    if (new Set(filters).size !== filters.length) throw new ProtocolError('malformed', 'a filter is named twice');
  }),
});

export const biasCodec: Codec<readonly TokenBias[]> = list<TokenBias>(
  struct({ id: u32, biasQ16: within(i32, -MAX_BIAS_Q16, MAX_BIAS_Q16) }),
  { count: u16, max: MAX_BIASES, ascending: (a, b) => a.id - b.id },
);

export const drawKeyCodec: Codec<DrawKeyInputs> = union('mode', {
  nonce: struct({ nonce: hash, requestHash: hash, replyId: bytes(16), providerId: hash, epoch: u64, beacon: hash }),
  seed: struct({ seed: i64, requestHash: hash, modelRoot: hash, choice: u8 }),
});

const answerFormatCodec: Codec<AnswerFormat> = refine(
  struct({ calls: oneOf(CALL_FAMILIES), reasoning: oneOf(REASONING_PLACES), marks: oneOf(MARKS_NAMES) }),
  assertOneEncoding,
);

/** The rows that an encoder made of a picture: the values of the prompt's picture tokens. */
const pictureCodec = struct({
  /** Number of rows: picture tokens. */
  rows: within(u16, 1, MAX_PICTURE_TOKENS),
  /** Root of the blob of the rows, f32[rows, embeddingSize] (docs/spec/blob.md). */
  rowsRoot: hash,
});

export interface HeaderPicture extends CodecType<typeof pictureCodec> {}

/** A shard's root of the rows that it sent. The order is that of the header, and the place that of the root in its list. */
const boundaryCodec = struct({
  positions: u32,
  turns: u32,
  root: hash,
  input: hash,
  /** By the shard's session key (docs/spec/boundary.md#root). */
  signature: bytes(ED25519_SIGNATURE_BYTES),
});

const headerCodec = struct({
  /** hashOrder of the order that the reply answers. */
  orderHash: hash,
  endpoint: oneOf(TEXT_ENDPOINTS),
  /** Name of the tier: `verified`, ... */
  tier: text(32),
  /** Method by which the answer can be checked: `draw-replay`, ... */
  method: text(32),
  numericClass: text(255),
  vocabularyHash: hash,
  vocabularySize: within(u32, 2, 2 ** 24),
  embeddingSize: within(u32, 1, MAX_EMBEDDING),
  sketchDirections: refine(u16, assertDirections),
  sketchBankSeed: hash,
  sampler: samplerCodec,
  bias: biasCodec,
  drawKey: drawKeyCodec,
  choice: u8,
  maxTokens: u32,
  /** The day that a chat template reads as today: `computeOrderDay`. */
  promptDay: within(u32, 0, MAX_DAY),
  /** The thinking settings of the request, which a chat template reads. */
  thinking: thinkingCodec,
  promptTokensHash: hash,
  promptTokenCount: u32,
  /** Rules for parsing the reply: content, reasoning and calls (docs/spec/answer.md). */
  answerFormat: answerFormatCodec,
  /** Hash of the grammar that the reply must match (docs/spec/grammar.md); 32 zero bytes if any text is allowed. */
  grammarHash: hash,
  outputTokensHash: hash,
  outputTokenCount: u32,
  stopReason: oneOf(STOP_REASONS),
  /**
   * Roots that make up the model root (composed-root.ts): the base model, then each adapter in order. Empty without adapters.
   */
  parts: partsCodec,
  /** The rows of each picture in the prompt, in the order of the messages. */
  pictures: list(pictureCodec, { count: u8, max: MAX_PICTURES }),
  /**
   * Signed roots of the rows that the shards of a cohort sent, by their places (docs/spec/boundary.md). None where a shard signed for
   * no rows that its receiver has. Empty if one provider serves the whole model.
   */
  boundaries: list(optional(boundaryCodec), { count: u8, max: MAX_BOUNDARIES }),
  /** The ledger address that receives this reply's fee. */
  payee: address,
});

/**
 * Leaf 0 of a text's commitment tree: everything that decides a reply besides its draws (docs/spec/commitment.md). It is
 * binary, with fixed order and one encoding per value.
 */
export interface Header extends CommonHeader, CodecType<typeof headerCodec> {
  readonly endpoint: Endpoint;
  readonly boundaries: readonly (HeaderBoundary | undefined)[];
}

export const TEXT_HEADER_TAG = 'ogong-header-v1';
const headerFormat = createFormat(refine<Header>(headerCodec, assertBiasedTokens), {
  tag: TEXT_HEADER_TAG,
  maxBytes: MAX_HEADER_BYTES,
});

export const encodeHeader: (header: Header) => Uint8Array = headerFormat.encode;
export const parseHeader: (bytes: Uint8Array) => Header = headerFormat.decode;

/** Returns whether a header is that of a text. Read fields that only texts have after this check. */
export const isTextHeader = (header: CommonHeader): header is Header => isTextEndpoint(header.endpoint);

export const isTextEndpoint = (name: string): name is Endpoint => TEXT_ENDPOINTS.some((endpoint) => endpoint === name);

function assertBiasedTokens({ bias, vocabularySize }: Header): void {
  const last = bias.at(-1);
  if (last !== undefined && last.id >= vocabularySize) {
    throw new ProtocolError('out-of-range', `token ${last.id} is biased, the vocabulary has ${vocabularySize}`);
  }
}

/**
 * Hashes tokens: SHA-256 over a blind and the ids as u32 big-endian, 32 bytes.
 * @param blind of the prompt or of the answer (blinds.ts).
 */
export function hashTokens(crypto: Crypto, blind: Uint8Array, tokens: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(tokens.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < tokens.length; i++) view.setUint32(i * 4, tokens[i] as number);
  return crypto.sha256(TOKENS_DOMAIN, blind, bytes);
}
