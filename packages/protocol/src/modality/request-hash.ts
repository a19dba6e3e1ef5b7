import { equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { listMediaReferences } from './media/detach-media.ts';
import type { CommonRequest } from './modality.ts';
import { findModality } from './registry.ts';
import { RequestError } from './shared/request-error.ts';

/**
 * Encodes the co-signers' view of a request (docs/spec/request.md#hash). It has all fields that the checks of its reply need,
 * the hash of the exact body, and none of its texts. Media stand beside the body (docs/spec/media.md): one that has their bytes in it
 * is no request.
 * @throws RequestError, ProtocolError
 */
export function summarizeRequest(crypto: Crypto, endpoint: string, body: Uint8Array): Uint8Array {
  const modality = findModality(endpoint);
  listMediaReferences(body);
  return modality.encodeSummary(crypto, modality.parseRequest(body, endpoint), crypto.sha256(body));
}

/**
 * Computes the hash by which order, ticket, record and draws name a request.
 * @throws RequestError, ProtocolError
 */
export function hashRequest(crypto: Crypto, endpoint: string, body: Uint8Array): Uint8Array {
  return crypto.sha256(summarizeRequest(crypto, endpoint, body));
}

/** Computes the same for a body that was parsed before. @throws RequestError for media in the body, ProtocolError */
export function hashReadRequest(crypto: Crypto, request: CommonRequest, body: Uint8Array): Uint8Array {
  listMediaReferences(body);
  return crypto.sha256(findModality(request.endpoint).encodeSummary(crypto, request, crypto.sha256(body)));
}

/** Returns whether a hash names this request; false for a body that does not parse. */
export function isRequest(
  crypto: Crypto,
  { requestHash }: { readonly requestHash: Uint8Array },
  { endpoint, body }: { readonly endpoint: string; readonly body: Uint8Array },
): boolean {
  try {
    return equalBytes(hashRequest(crypto, endpoint, body), requestHash);
  } catch (error) {
    if (error instanceof RequestError || error instanceof ProtocolError) return false;
    throw error;
  }
}
