import {
  createReader,
  createWriter,
  equalBytes,
  ProtocolError,
  type Reader,
  utf8Encode,
  type Writer,
} from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { DrawKeyInputs } from '../sampling/draw-key.ts';
import {
  type Filter,
  MAX_BIAS_Q16,
  MAX_BIASES,
  MAX_PENALTY_Q16,
  MAX_TEMPERATURE_Q16,
  type SamplerSettings,
  type TokenBias,
  WEIGHT_ONE,
} from '../sampling/sampler.ts';
import { assertDirections, MAX_EMBEDDING } from './sketch.ts';

/**
 * Leaf 0 of the commitment tree: everything that decides a reply besides its draws (docs/spec/commitment.md). Binary, fixed
 * order, one encoding per value.
 */
export interface Header {
  readonly endpoint: Endpoint;
  /** `verified`, ... */
  readonly tier: string;
  /** How the answer can be checked: `draw-replay`, ... */
  readonly method: string;
  readonly numericClass: string;
  readonly vocabularyHash: Uint8Array;
  readonly vocabularySize: number;
  readonly embeddingSize: number;
  readonly sketchDirections: number;
  readonly sketchBankSeed: Uint8Array;
  readonly sampler: SamplerSettings;
  readonly bias: readonly TokenBias[];
  readonly drawKey: DrawKeyInputs;
  readonly choice: number;
  readonly maxTokens: number;
  readonly promptTokensHash: Uint8Array;
  readonly promptTokenCount: number;
  /** SHA-256 over images, tools and grammar; 32 zero bytes where there are none. */
  readonly inputsHash: Uint8Array;
  readonly outputTokensHash: Uint8Array;
  readonly outputTokenCount: number;
  readonly stopReason: StopReason;
  /** Content roots of applied adapters, in order. */
  readonly adapters: readonly Uint8Array[];
  /** 20 bytes: the ledger address that this reply's fee is paid to. */
  readonly payee: Uint8Array;
}

export type Endpoint = 'chat' | 'completion';
export type StopReason = 'stop-token' | 'stop-string' | 'length' | 'context' | 'cancelled';

const DOMAIN = utf8Encode('ogong-header-v1\n');
const TOKENS_DOMAIN = utf8Encode('ogong-tokens-v1\n');
const ENDPOINTS: readonly Endpoint[] = ['chat', 'completion'];
const STOP_REASONS: readonly StopReason[] = ['stop-token', 'stop-string', 'length', 'context', 'cancelled'];
const FILTERS: readonly Filter[] = ['top-k', 'top-p', 'min-p'];
export const MAX_HEADER_BYTES = 8192;
const MAX_ADAPTERS = 8;
export const NO_INPUTS: Uint8Array = new Uint8Array(32);

/** SHA-256 over the ids as u32 big-endian. */
export function hashTokens(crypto: Crypto, tokens: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(tokens.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < tokens.length; i++) view.setUint32(i * 4, tokens[i] as number);
  return crypto.sha256(TOKENS_DOMAIN, bytes);
}

export function encodeHeader(header: Header): Uint8Array {
  assertRanges(header);
  const w = createWriter(768)
    .bytes(DOMAIN)
    .u8(ENDPOINTS.indexOf(header.endpoint))
    .text(header.tier)
    .text(header.method)
    .text(header.numericClass)
    .bytes(header.vocabularyHash, 32)
    .u32(header.vocabularySize)
    .u32(header.embeddingSize)
    .u16(header.sketchDirections)
    .bytes(header.sketchBankSeed, 32);
  writeSampler(w, header.sampler);
  w.u16(header.bias.length);
  for (const { id, biasQ16 } of header.bias) w.u32(id).i32(biasQ16);
  writeDrawKey(w, header.drawKey);
  w.u8(header.choice)
    .u32(header.maxTokens)
    .bytes(header.promptTokensHash, 32)
    .u32(header.promptTokenCount)
    .bytes(header.inputsHash, 32)
    .bytes(header.outputTokensHash, 32)
    .u32(header.outputTokenCount)
    .u8(STOP_REASONS.indexOf(header.stopReason))
    .u8(header.adapters.length);
  for (const adapter of header.adapters) w.bytes(adapter, 32);
  return w.bytes(header.payee, 20).finish();
}

/** @throws ProtocolError for anything that encodeHeader would not have written. */
export function parseHeader(bytes: Uint8Array): Header {
  if (bytes.length > MAX_HEADER_BYTES) throw new ProtocolError('too-large', 'header is too long');
  const r = createReader(bytes);
  if (!equalBytes(r.bytes(DOMAIN.length), DOMAIN)) throw new ProtocolError('malformed', 'not a header');
  const header: Header = {
    endpoint: pick(ENDPOINTS, r.u8(), 'endpoint'),
    tier: r.text(32),
    method: r.text(32),
    numericClass: r.text(255),
    vocabularyHash: r.bytes(32),
    vocabularySize: r.u32(),
    embeddingSize: r.u32(),
    sketchDirections: r.u16(),
    sketchBankSeed: r.bytes(32),
    sampler: readSampler(r),
    bias: Array.from({ length: bounded(r.u16(), MAX_BIASES, 'biases') }, () => ({ id: r.u32(), biasQ16: r.i32() })),
    drawKey: readDrawKey(r),
    choice: r.u8(),
    maxTokens: r.u32(),
    promptTokensHash: r.bytes(32),
    promptTokenCount: r.u32(),
    inputsHash: r.bytes(32),
    outputTokensHash: r.bytes(32),
    outputTokenCount: r.u32(),
    stopReason: pick(STOP_REASONS, r.u8(), 'stop reason'),
    adapters: Array.from({ length: bounded(r.u8(), MAX_ADAPTERS, 'adapters') }, () => r.bytes(32)),
    payee: r.bytes(20),
  };
  r.end();
  assertRanges(header);
  return header;
}

function writeSampler(w: Writer, sampler: SamplerSettings): void {
  w.u32(sampler.temperatureQ16)
    .u32(sampler.topK)
    .u32(sampler.topPQ24)
    .u32(sampler.minPQ24)
    .i32(sampler.presencePenaltyQ16)
    .i32(sampler.frequencyPenaltyQ16)
    .u8(sampler.filterOrder.length);
  for (const filter of sampler.filterOrder) w.u8(FILTERS.indexOf(filter));
}

function readSampler(r: Reader): SamplerSettings {
  return {
    temperatureQ16: r.u32(),
    topK: r.u32(),
    topPQ24: r.u32(),
    minPQ24: r.u32(),
    presencePenaltyQ16: r.i32(),
    frequencyPenaltyQ16: r.i32(),
    filterOrder: Array.from({ length: bounded(r.u8(), FILTERS.length, 'filters') }, () =>
      pick(FILTERS, r.u8(), 'filter'),
    ),
  };
}

function writeDrawKey(w: Writer, inputs: DrawKeyInputs): void {
  if (inputs.mode === 'nonce') {
    w.u8(0)
      .bytes(inputs.nonce, 32)
      .bytes(inputs.requestHash, 32)
      .bytes(inputs.replyId, 16)
      .bytes(inputs.providerId, 32)
      .u64(inputs.epoch)
      .bytes(inputs.beacon, 32);
  } else {
    w.u8(1)
      .u64(BigInt.asUintN(64, inputs.seed))
      .bytes(inputs.requestHash, 32)
      .bytes(inputs.modelRoot, 32)
      .u8(inputs.choice);
  }
}

function readDrawKey(r: Reader): DrawKeyInputs {
  const mode = r.u8();
  if (mode === 0) {
    return {
      mode: 'nonce',
      nonce: r.bytes(32),
      requestHash: r.bytes(32),
      replyId: r.bytes(16),
      providerId: r.bytes(32),
      epoch: r.u64(),
      beacon: r.bytes(32),
    };
  }
  if (mode !== 1) throw new ProtocolError('out-of-range', `draw key mode ${mode}`);
  return {
    mode: 'seed',
    seed: BigInt.asIntN(64, r.u64()),
    requestHash: r.bytes(32),
    modelRoot: r.bytes(32),
    choice: r.u8(),
  };
}

function pick<T>(values: readonly T[], index: number, what: string): T {
  const value = values[index];
  if (value === undefined) throw new ProtocolError('out-of-range', `${what} code ${index}`);
  return value;
}

function bounded(count: number, limit: number, what: string): number {
  if (count > limit) throw new ProtocolError('too-large', `${count} ${what}, at most ${limit}`);
  return count;
}

function assertRanges(header: Header): void {
  const { sampler, bias } = header;
  const within = (value: number, low: number, high: number, what: string): void => {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new ProtocolError('out-of-range', `${what} must lie in ${low}..${high}, got ${value}`);
    }
  };
  within(sampler.temperatureQ16, 0, MAX_TEMPERATURE_Q16, 'temperature');
  within(sampler.topK, 0, 2 ** 24, 'top-k');
  within(sampler.topPQ24, 1, WEIGHT_ONE, 'top-p');
  within(sampler.minPQ24, 0, WEIGHT_ONE, 'min-p');
  within(sampler.presencePenaltyQ16, -MAX_PENALTY_Q16, MAX_PENALTY_Q16, 'presence penalty');
  within(sampler.frequencyPenaltyQ16, -MAX_PENALTY_Q16, MAX_PENALTY_Q16, 'frequency penalty');
  if (new Set(sampler.filterOrder).size !== sampler.filterOrder.length) {
    throw new ProtocolError('malformed', 'a filter is named twice');
  }
  within(header.vocabularySize, 2, 2 ** 24, 'vocabulary size');
  within(header.embeddingSize, 1, MAX_EMBEDDING, 'embedding size');
  assertDirections(header.sketchDirections);
  bounded(bias.length, MAX_BIASES, 'biases');
  for (let i = 0; i < bias.length; i++) {
    const { id, biasQ16 } = bias[i] as TokenBias;
    within(id, 0, header.vocabularySize - 1, 'biased token');
    within(biasQ16, -MAX_BIAS_Q16, MAX_BIAS_Q16, 'bias');
    if (i > 0 && id <= (bias[i - 1] as TokenBias).id)
      throw new ProtocolError('malformed', 'biases are not in id order');
  }
}
