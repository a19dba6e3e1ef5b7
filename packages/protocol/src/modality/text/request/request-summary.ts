import { createFormat, hash, i64, oneOf, optional, struct, text, u8, u32, within } from '../../../base/codec.ts';
import { demandsCodec } from '../../demands.ts';
import { biasCodec, samplerCodec, TEXT_ENDPOINTS } from '../commitment/header.ts';
import { type AskedText, MAX_CHOICES, MAX_MAX_TOKENS, MAX_MODEL_NAME, MAX_STOPS } from './request.ts';

const summaryCodec = struct({
  endpoint: oneOf(TEXT_ENDPOINTS),
  model: text(3 * MAX_MODEL_NAME),
  demands: demandsCodec,
  promptTokenBound: u32,
  maxTokens: within(u32, 1, MAX_MAX_TOKENS),
  sampler: samplerCodec,
  bias: biasCodec,
  choices: within(u8, 1, MAX_CHOICES),
  seed: optional(i64),
  stopCount: within(u8, 0, MAX_STOPS),
  /** SHA-256 of the exact body. */
  bodyHash: hash,
});
const summaryFormat = createFormat(summaryCodec, { tag: 'ogong-text-request-v1' });

/** The request's hash is that of these bytes (docs/spec/request.md). */
export const encodeTextSummary = (asked: AskedText, bodyHash: Uint8Array): Uint8Array =>
  summaryFormat.encode({ ...asked, bodyHash });

/** @throws ProtocolError */
export const parseTextSummary = (bytes: Uint8Array): AskedText => summaryFormat.decode(bytes);
