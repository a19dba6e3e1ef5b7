import { type CodecType, createFormat, hash, struct, u32 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';

const summaryCodec = struct({
  /** Size of the canonical response. */
  sizeBytes: u32,
  /** SHA-256 of the answer's blind and the response. */
  blindedHash: hash,
});
const summaryFormat = createFormat(summaryCodec, { tag: 'ogong-response-v1' });

/** The co-signers' view of a response: its length, and none of its text (docs/spec/record.md). */
export interface ResponseSummary extends CodecType<typeof summaryCodec> {}

/** Encodes the summary of a response. @param blind of the answer (blinds.ts). */
export function summarizeResponse(crypto: Crypto, blind: Uint8Array, response: Uint8Array): Uint8Array {
  return summaryFormat.encode({ sizeBytes: response.length, blindedHash: crypto.sha256(blind, response) });
}

/** @throws ProtocolError */
export const parseResponseSummary: (bytes: Uint8Array) => ResponseSummary = summaryFormat.decode;

/** Computes the hash by which a record names a response, 32 bytes. @param blind of the answer (blinds.ts). */
export function hashResponse(crypto: Crypto, blind: Uint8Array, response: Uint8Array): Uint8Array {
  return crypto.sha256(summarizeResponse(crypto, blind, response));
}
