import { BlobError } from '@ogong/host/blob/blob-error';
import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCallOptions } from '@ogong/host/link/verifier-call';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type BlobRef, createBlobHasher } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_JOB_BLOB_BYTES } from '@ogong/protocol/exchange/limits';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import { NoAnswer } from './patience.ts';

/** Fetches a blob from its provider, checked. @param blind of the opening. @throws BlobError, LinkError */
export type GetBlob = (
  provider: Peer,
  replyId: Uint8Array,
  ref: BlobRef,
  blind: Uint8Array,
  options: VerifierCallOptions,
) => Promise<Uint8Array>;

/** Used by a validator whose replies have no blobs. */
export const fetchNoBlob: GetBlob = () => Promise.reject(new NoAnswer('this validator fetches no blobs'));

/** Lists the blobs of the job of a draw. A reply that stage 1 refutes has no job. */
export function listJobBlobs({ outcome, reply }: OpenedReply, draw: Uint8Array | undefined): readonly BlobRef[] {
  if (outcome !== 'consistent' || draw === undefined) return [];
  return reply.listJobBlobs?.(draw) ?? [];
}

/**
 * Fetches the blobs of a job, one after another. A blob that does not come counts like an opening that does not come.
 * @throws NoAnswer if the provider sends something else, or if they are too large for any job; also every error of the calls.
 */
export async function fetchJobBlobs(
  opened: OpenedReply,
  draw: Uint8Array | undefined,
  call: (ref: BlobRef, blind: Uint8Array) => Promise<Uint8Array>,
): Promise<readonly Uint8Array[]> {
  const refs = listJobBlobs(opened, draw);
  assertJobSize(refs);
  const blobs: Uint8Array[] = [];
  for (const ref of refs) blobs.push(await call(ref, opened.opening.blind).catch(rethrow));
  return blobs;
}

/** @throws NoAnswer */
function assertJobSize(refs: readonly BlobRef[]): void {
  const bytes = refs.reduce((sum, ref) => sum + ref.bytes, 0);
  if (bytes > MAX_JOB_BLOB_BYTES) throw new NoAnswer(`the blobs of the job have ${bytes} bytes`);
}

/** An error of the call keeps its meaning: a slow provider is late, and one that refuses has refused. */
function rethrow(error: unknown): never {
  if (!(error instanceof BlobError)) throw error;
  throw error.cause ?? new NoAnswer(error.message, { cause: error });
}

/** Returns whether blobs from a witness are those of the job. */
export function areJobBlobs(
  crypto: Crypto,
  opened: OpenedReply,
  draw: Uint8Array | undefined,
  blobs: readonly Uint8Array[],
): boolean {
  const refs = listJobBlobs(opened, draw);
  return refs.length === blobs.length && refs.every((ref, i) => isBlob(crypto, opened, ref, blobs[i] as Uint8Array));
}

function isBlob(crypto: Crypto, { opening: { blind } }: OpenedReply, ref: BlobRef, bytes: Uint8Array): boolean {
  if (bytes.length !== ref.bytes) return false;
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  return equalBytes(hasher.finish().ref.root, ref.root);
}

/** The blobs of running audits, in memory. The oldest make room for new ones; they are fetched again when a job needs them. */
export interface HeldBlobs {
  find(replyId: Uint8Array): readonly Uint8Array[] | undefined;
  hold(replyId: Uint8Array, blobs: readonly Uint8Array[]): void;
  release(replyId: Uint8Array): void;
}

const sumBytes = (blobs: readonly Uint8Array[]): number => blobs.reduce((sum, { length }) => sum + length, 0);

export function createHeldBlobs(maxBytes: number): HeldBlobs {
  const held = new Map<string, readonly Uint8Array[]>();
  let heldBytes = 0;
  const release = (name: string): void => {
    heldBytes -= sumBytes(held.get(name) ?? []);
    held.delete(name);
  };
  return {
    find: (replyId) => held.get(toHex(replyId)),
    hold(replyId, blobs) {
      const name = toHex(replyId);
      release(name);
      if (blobs.length === 0) return;
      held.set(name, blobs);
      heldBytes += sumBytes(blobs);
      for (const oldest of held.keys()) {
        if (heldBytes <= maxBytes || oldest === name) break;
        release(oldest);
      }
    },
    release: (replyId) => release(toHex(replyId)),
  };
}
