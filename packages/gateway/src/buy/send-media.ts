import type { Client } from '@connectrpc/connect';
import { ApiError } from '@ogong/host/http/api-error';
import type { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

const PIECE_TIMEOUT_MS = 30_000;

/** The media of an order, as its provider gets them. */
export interface SentMedia {
  readonly replyId: Uint8Array;
  /** In order; none if the request names no media. */
  readonly pieces: readonly Uint8Array[];
  readonly signal: AbortSignal;
}

/**
 * Sends the media of an order, piece by piece, once its provider wants them.
 * @throws LinkError; ApiError if the request names none.
 */
export async function sendMedia(
  link: Pick<Client<typeof ProviderService>, 'putMedia'>,
  { replyId, pieces, signal }: SentMedia,
): Promise<void> {
  if (pieces.length === 0)
    throw new ApiError('provider_failed', 'The provider wants media of a request that names none.');
  for (const [index, piece] of pieces.entries()) {
    const last = index === pieces.length - 1;
    await link.putMedia({ replyId, index, piece, last }, { signal, timeoutMs: PIECE_TIMEOUT_MS });
  }
}
