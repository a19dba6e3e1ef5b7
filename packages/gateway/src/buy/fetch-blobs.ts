import { monotonicClock } from '@ogong/host/time/clock';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import { type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import type { EndpointName } from '@ogong/protocol/modality/endpoints';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import type { ReadBlob } from './check/walk-receipt.ts';
import type { ProviderCall } from './provider-call.ts';
import type { ProviderAttempt } from './reply.ts';

/** A blob that was checked against its root. */
export interface HeldBlob {
  readonly root: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Time for all blobs of a reply. After it no further blob is fetched, and the answer is rejected. */
const PATIENCE_MS = 120_000;

/**
 * Fetches the blobs that stage 1 of a reply reads, one after the other. An opening of a wrong form has none, and its check fails later.
 * @throws BlobError or Error if the provider does not deliver them.
 */
export async function fetchReplayBlobs(
  providers: Pick<ProviderCall, 'getBlob'>,
  { match, replyId }: Pick<ProviderAttempt, 'match' | 'replyId'>,
  { endpoint, opening }: { readonly endpoint: EndpointName; readonly opening: Uint8Array },
): Promise<readonly HeldBlob[]> {
  const { blind, refs } = listBlobs(endpoint, opening);
  const endMs = monotonicClock.nowMs() + PATIENCE_MS;
  const held = new Map<string, HeldBlob>();
  for (const ref of refs) {
    const name = toHex(ref.root);
    if (held.has(name)) continue;
    if (monotonicClock.nowMs() > endMs) throw new Error(`${held.size} of ${refs.length} blobs came in time`);
    held.set(name, { root: ref.root, bytes: await providers.getBlob(match, replyId, ref, blind) });
  }
  return [...held.values()];
}

/** The provider did not deliver a blob. */
export class BlobsWithheld extends Error {}

/**
 * Creates the reader of the blobs of a reply whose modality replays one after another.
 * @returns undefined for any other reply, and for an opening of a wrong form. The reader throws BlobsWithheld.
 */
export function createBlobReader(
  providers: Pick<ProviderCall, 'getBlob'>,
  { match, replyId }: Pick<ProviderAttempt, 'match' | 'replyId'>,
  { endpoint, opening }: { readonly endpoint: EndpointName; readonly opening: Uint8Array },
): ReadBlob | undefined {
  if (findModality(endpoint).walkBlobs === undefined) return undefined;
  const { blind, refs } = listBlobs(endpoint, opening);
  if (refs.length === 0) return undefined;
  let endMs: number | undefined;
  return async (ref) => {
    endMs ??= monotonicClock.nowMs() + PATIENCE_MS;
    try {
      if (monotonicClock.nowMs() > endMs) throw new Error(`${refs.length} blobs did not come in time`);
      return await providers.getBlob(match, replyId, ref, blind);
    } catch (cause) {
      throw new BlobsWithheld('the provider does not deliver its blobs', { cause });
    }
  };
}

const NONE: Pick<Opening, 'blind'> & { readonly refs: readonly BlobRef[] } = { blind: new Uint8Array(32), refs: [] };

function listBlobs(endpoint: EndpointName, bytes: Uint8Array): typeof NONE {
  const modality = findModality(endpoint);
  if (modality.listReplayBlobs === undefined) return NONE;
  try {
    const opening = parseOpening(bytes);
    return { blind: opening.blind, refs: modality.listReplayBlobs(opening) };
  } catch (error) {
    if (error instanceof ProtocolError) return NONE;
    throw error;
  }
}

/** Returns a finder among held blobs. */
export function createBlobFinder(blobs: readonly HeldBlob[]): FindBlob {
  const byRoot = new Map(blobs.map(({ root, bytes }) => [toHex(root), bytes]));
  return (root) => byRoot.get(toHex(root));
}
