import type { Client } from '@connectrpc/connect';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCallOptions } from '@ogong/host/link/verifier-call';
import { monotonicClock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_MEDIA_BYTES, MAX_MEDIA_PARTS } from '@ogong/protocol/exchange/limits';
import type { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { attachMedia, listMediaReferences } from '@ogong/protocol/modality/media/detach-media';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { NoAnswer } from './patience.ts';
import { rethrowBlobError } from './replay-blobs.ts';

/**
 * Fetches the media of a reply's request from its provider, in the order of their references. Only the blobs' own proofs are checked.
 * @param blind of the opening. @throws NoAnswer, BlobError, LinkError
 */
export type GetMedia = (
  provider: Peer,
  replyId: Uint8Array,
  blind: Uint8Array,
  options: VerifierCallOptions,
) => Promise<readonly Uint8Array[]>;

/** Used by a validator whose requests have no media. */
export const fetchNoMedia: GetMedia = () => Promise.reject(new NoAnswer('this validator fetches no media'));

/** Returns whether a request names media. */
export const namesMedia = (request: Uint8Array | undefined): boolean =>
  request !== undefined && listMediaReferences(request).length > 0;

/** Reads media over a link, all before one deadline. The provider lists their blobs beside the opening. */
export async function readMedia(
  crypto: Crypto,
  link: Pick<Client<typeof ProviderService>, 'getOpening' | 'getBlob'>,
  { replyId, blind, call }: { replyId: Uint8Array; blind: Uint8Array; call: VerifierCallOptions },
): Promise<readonly Uint8Array[]> {
  const endMs = monotonicClock.nowMs() + call.timeoutMs;
  const { media } = await link.getOpening({ replyId }, call);
  const bytes = media.reduce((sum, one) => sum + one.bytes, 0n);
  if (media.length > MAX_MEDIA_PARTS || bytes > BigInt(MAX_MEDIA_BYTES))
    throw new NoAnswer(`${media.length} media of ${bytes} bytes are more than a request has`);
  const parts: Uint8Array[] = [];
  for (const one of media) {
    const ref = { bytes: Number(one.bytes), root: one.root };
    const timeoutMs = Math.max(1, endMs - monotonicClock.nowMs());
    parts.push(
      await fetchBlob(link, { replyId, ref, blind }, { crypto, maxBytes: MAX_MEDIA_BYTES, ...call, timeoutMs }),
    );
  }
  return parts;
}

/**
 * Fetches the media that a request names, and checks each against its reference. Media that do not come count like an opening that
 * does not come. @throws NoAnswer if the provider sends something else; also every error of the calls.
 */
export async function fetchMedia(
  crypto: Crypto,
  request: Uint8Array | undefined,
  call: () => Promise<readonly Uint8Array[]>,
): Promise<readonly Uint8Array[]> {
  if (request === undefined || !namesMedia(request)) return [];
  const parts = await call().catch(rethrowBlobError);
  if (areMedia(crypto, request, parts)) return parts;
  throw new NoAnswer('the media are not those that the request names');
}

/** Returns whether these are the media that a request names, in the order of their references. */
export function areMedia(crypto: Crypto, request: Uint8Array, parts: readonly Uint8Array[]): boolean {
  try {
    attachMedia(crypto, request, parts);
    return true;
  } catch (error) {
    if (error instanceof RequestError) return false;
    throw error;
  }
}
