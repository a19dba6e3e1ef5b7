import { createFormat, hash, i64, oneOf, optional, struct, text, u8, u32, within } from '../../../base/codec.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { demandsCodec } from '../../demands.ts';
import { MAX_CHOICES, MAX_MODEL_NAME } from '../../shared/request-fields.ts';
import { biasCodec, MAX_PICTURES, samplerCodec, TEXT_ENDPOINTS } from '../commitment/header.ts';
import { thinkingCodec } from '../commitment/thinking-wish.ts';
import { hashGrammar } from '../grammar/machine.ts';
import { type AskedText, MAX_MAX_TOKENS, MAX_STOPS } from './request.ts';

const summaryCodec = struct({
  endpoint: oneOf(TEXT_ENDPOINTS),
  model: text(3 * MAX_MODEL_NAME),
  demands: demandsCodec,
  promptTokenBound: u32,
  pictureCount: within(u8, 0, MAX_PICTURES),
  maxTokens: within(u32, 1, MAX_MAX_TOKENS),
  sampler: samplerCodec,
  bias: biasCodec,
  choices: within(u8, 1, MAX_CHOICES),
  seed: optional(i64),
  thinking: thinkingCodec,
  stopCount: within(u8, 0, MAX_STOPS),
  /** Hash of the grammar of the answer. */
  grammarHash: optional(hash),
  /** SHA-256 of the exact body. */
  bodyHash: hash,
});
const summaryFormat = createFormat(summaryCodec, { tag: 'ogong-text-request-v1' });

/** Encodes a summary. The request's hash is that of these bytes (docs/spec/request.md). */
export const encodeTextSummary = (crypto: Crypto, asked: AskedText, bodyHash: Uint8Array): Uint8Array =>
  summaryFormat.encode({ ...asked, grammarHash: hashAskedGrammar(crypto, asked), bodyHash });

/** @throws ProtocolError */
export function parseTextSummary(bytes: Uint8Array): AskedText {
  const { grammarHash, ...asked } = summaryFormat.decode(bytes);
  return { ...asked, grammar: grammarHash };
}

/** Hashes the requested grammar; undefined if any text is allowed. */
export const hashAskedGrammar = (crypto: Crypto, { grammar }: Pick<AskedText, 'grammar'>): Uint8Array | undefined =>
  typeof grammar === 'string' ? hashGrammar(crypto, grammar) : grammar;
