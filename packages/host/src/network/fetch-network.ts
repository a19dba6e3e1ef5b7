import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { PUBLIC_ROUTES } from '@ogong/protocol/http/routes';
import { type NetworkDocument, verifyNetwork } from '@ogong/protocol/network/network-document';
import { MAX_NETWORK_ANSWER_BYTES, parseSignedNetwork } from '@ogong/protocol/network/network-json';
import { createByteSpace } from '../http/byte-space.ts';

/** A gateway gave no document of its network that can be used. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code = 'no-network';
  readonly retryable: boolean;

  constructor(
    message: string,
    { retryable = false, ...options }: ErrorOptions & { readonly retryable?: boolean } = {},
  ) {
    super(message, options);
    this.retryable = retryable;
  }
}

/** A document of a network that its key has signed, and that is valid now. */
export interface FetchedNetwork {
  readonly document: NetworkDocument;
  /** Hash of the gateway's key, 64 hex digits. */
  readonly fingerprint: string;
}

const TIMEOUT_MS = 20_000;

/**
 * Fetches the document of a network from a gateway, and verifies it (docs/spec/network.md). The caller decides about its key.
 * @throws NetworkError
 */
export async function fetchNetwork(
  gateway: string,
  {
    crypto,
    nowMs,
    signal,
  }: {
    readonly crypto: Crypto;
    readonly nowMs: () => number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<FetchedNetwork> {
  const url = new URL(PUBLIC_ROUTES.networkDocument.path, gateway);
  const bytes = await read(url, AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]));
  try {
    const verified = verifyNetwork(crypto, parseSignedNetwork(bytes), { nowMs: nowMs() });
    return { document: verified.document, fingerprint: toHex(verified.fingerprint) };
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new NetworkError(`${url.origin}: ${cause.message}`, { cause });
  }
}

/** @throws NetworkError */
async function read(url: URL, signal: AbortSignal): Promise<Uint8Array> {
  const space = createByteSpace({ maxBytes: MAX_NETWORK_ANSWER_BYTES });
  let response: Response;
  try {
    // A redirect would lead to another gateway than the one that the user named.
    response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (response.ok)
      for await (const chunk of response.body ?? [])
        if (!space.add(chunk)) throw new NetworkError(`${url.origin}: the document of the network is too large`);
  } catch (cause) {
    if (cause instanceof NetworkError) throw cause;
    const why =
      (cause as Error).cause instanceof Error ? (cause as { cause: Error }).cause.message : (cause as Error).message;
    throw new NetworkError(`${url.origin} cannot be reached: ${why}`, { cause, retryable: true });
  }
  if (response.ok) return space.take();
  await response.body?.cancel();
  throw new NetworkError(
    response.status === 404
      ? `${url.origin} issues no document of a network: it is no gateway of OGONG, or an older one`
      : `${url.origin} answers with status ${response.status}; try again later`,
    { retryable: response.status >= 500 || response.status === 429 },
  );
}
