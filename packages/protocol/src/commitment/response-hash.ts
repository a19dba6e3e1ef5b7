import { type CodecType, createFormat, hash, struct, u32 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';

const summaryCodec = struct({
  /** Of the canonical response. */
  sizeBytes: u32,
  /** SHA-256 of it. */
  bytesHash: hash,
});
const summaryFormat = createFormat(summaryCodec, { tag: 'ogong-response-v1' });

/** What co-signers see of a response: how long it is, and none of its text (docs/spec/record.md). */
export interface ResponseSummary extends CodecType<typeof summaryCodec> {}

export function summarizeResponse(crypto: Crypto, response: Uint8Array): Uint8Array {
  return summaryFormat.encode({ sizeBytes: response.length, bytesHash: crypto.sha256(response) });
}

/** @throws ProtocolError */
export const parseResponseSummary: (bytes: Uint8Array) => ResponseSummary = summaryFormat.decode;

/** The hash by which a record names a response. */
export function hashResponse(crypto: Crypto, response: Uint8Array): Uint8Array {
  return crypto.sha256(summarizeResponse(crypto, response));
}
