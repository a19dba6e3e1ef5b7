import { setImmediate as pause } from 'node:timers/promises';
import { BlobError } from '@ogong/host/blob/blob-error';
import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCallOptions } from '@ogong/host/link/verifier-call';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type BlobRef, computeBlobRoot } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { ListedSegment } from '@ogong/protocol/exchange/cohort/listed-segment';
import { type BlobWalk, driveWalk, type WalkedBlobs, type WantedJob } from '@ogong/protocol/modality/blob-walk';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { findHeaderModality } from '@ogong/protocol/modality/registry';
import type { StoredClaim } from '@ogong/protocol/verdict/claim';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
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

/** Lists the blobs that an audit needs. A reply that stage 1 refutes without them needs none. */
export function listAuditBlobs({ outcome, opening }: OpenedReply): readonly BlobRef[] {
  if (outcome !== 'consistent') return [];
  const modality = findHeaderModality(opening.header);
  return (modality?.listJobBlobs ?? modality?.listReplayBlobs)?.(opening) ?? [];
}

/** Counts the bytes of the blobs that an audit needs. @param rows that a job about one shard needs, too. */
export const countAuditBytes = (opened: OpenedReply, rows?: BlobRef): number =>
  listAuditBlobs(opened).reduce((sum, { bytes }) => sum + bytes, rows?.bytes ?? 0);

/**
 * Fetches the blobs that stage 1 reads, one after another. A blob that does not come counts like an opening that does not come.
 * @throws NoAnswer if the provider sends something else; also every error of the calls.
 */
export async function fetchReplayBlobs(
  opened: OpenedReply,
  call: (ref: BlobRef, blind: Uint8Array) => Promise<Uint8Array>,
): Promise<readonly Uint8Array[]> {
  const blobs: Uint8Array[] = [];
  for (const ref of listAuditBlobs(opened)) blobs.push(await call(ref, opened.opening.blind).catch(rethrowBlobError));
  return blobs;
}

/** The job of an audit attempt, as far as its blobs follow from it. */
export interface BlobJob {
  readonly cohort: StoredClaim['cohort'];
  /** The part of the model that it is about; undefined for all of it. */
  readonly segment: ListedSegment | undefined;
}

/** Finds the rows that a job about one shard needs from the leader. Undefined if it needs none, or none are shown (findUnshown). */
export function findWantedRows({ reply }: OpenedReply, { cohort, segment }: BlobJob): BlobRef | undefined {
  const input = segment && reply.findShardInput?.(cohort, segment);
  return input === undefined || 'problem' in input || input.bytes !== undefined ? undefined : input.ref;
}

/** Returns the bytes beside a job about one shard. @param held rows from the leader. */
export function listShardBlobs(
  { reply }: OpenedReply,
  { cohort, segment }: BlobJob,
  held: readonly Uint8Array[],
): readonly Uint8Array[] {
  const input = segment && reply.findShardInput?.(cohort, segment);
  return input === undefined || 'problem' in input || input.bytes === undefined ? held : [input.bytes];
}

/** The blobs that stage 1 reads, or the result of reading them one after another. */
export interface ReadBlobs {
  /** None after a walk. */
  readonly blobs: readonly Uint8Array[];
  readonly walked?: WalkedBlobs | undefined;
}

/**
 * Fetches the blobs that stage 1 reads. A modality that can replays each as it arrives, so none is kept.
 * @param job the kept values are for it. @throws as fetchReplayBlobs
 */
export async function readReplayBlobs(
  crypto: Crypto,
  opened: OpenedReply,
  job: WantedJob,
  call: (ref: BlobRef, blind: Uint8Array) => Promise<Uint8Array>,
): Promise<ReadBlobs> {
  const walk = beginWalk(crypto, opened, job);
  if (walk === undefined) return { blobs: await fetchReplayBlobs(opened, call) };
  const { blind } = opened.opening;
  const read = (ref: BlobRef): Promise<Uint8Array> => call(ref, blind).catch(rethrowBlobError);
  return { blobs: [], walked: await driveWalk(walk, { read, pause }) };
}

/** @returns undefined if stage 1 reads all blobs at once, or none. */
function beginWalk(crypto: Crypto, { record, opening, outcome }: OpenedReply, job: WantedJob): BlobWalk | undefined {
  if (outcome !== 'consistent') return undefined;
  return findHeaderModality(opening.header)?.walkBlobs?.(crypto, record, opening, job);
}

/** An error of the call keeps its meaning: a slow provider is late, and one that refuses has refused. */
export function rethrowBlobError(error: unknown): never {
  if (!(error instanceof BlobError)) throw error;
  throw error.cause ?? new NoAnswer(error.message, { cause: error });
}

/** Returns whether blobs from a witness are those that stage 1 reads, and behind them the wanted rows of a shard. */
export function areReplayBlobs(
  crypto: Crypto,
  opened: OpenedReply,
  blobs: readonly Uint8Array[],
  rows?: BlobRef,
): boolean {
  const refs = [...listAuditBlobs(opened), ...(rows ? [rows] : [])];
  return refs.length === blobs.length && refs.every((ref, i) => isBlob(crypto, opened, ref, blobs[i] as Uint8Array));
}

function isBlob(crypto: Crypto, { opening: { blind } }: OpenedReply, ref: BlobRef, bytes: Uint8Array): boolean {
  return bytes.length === ref.bytes && equalBytes(computeBlobRoot(crypto, blind, bytes), ref.root);
}

/** The bytes for the verifiers of a draw, or those that refute the opening. */
export interface ShownBlobs {
  /** The reply as replayed with its blobs. */
  readonly shown: OpenedReply;
  readonly jobBlobs: readonly Uint8Array[];
  readonly refutedBy: readonly Uint8Array[] | undefined;
}

/** Replays an opening with the blobs that stage 1 reads, in their order, or with the result of reading them. */
export async function readShown(
  crypto: Crypto,
  opened: OpenedReply,
  { blobs, walked }: ReadBlobs,
  job: WantedJob,
): Promise<ShownBlobs> {
  const byRoot = new Map(listAuditBlobs(opened).map(({ root }, i) => [toHex(root), blobs[i]]));
  const find: FindBlob = (root) => byRoot.get(toHex(root));
  const walk = walked ? undefined : beginWalk(crypto, opened, job);
  // A witness sends all blobs at once. Replaying them in one go would stop everything else.
  const read = async ({ root }: BlobRef): Promise<Uint8Array> => find(root) as Uint8Array;
  const result = walked ?? (walk && (await driveWalk(walk, { read, pause })));
  const shown = openReply(crypto, opened.record, opened.bytes, result ?? find) as OpenedReply;
  const { refutedBy, makeJobBlobs } = shown.reply;
  return { shown, refutedBy, jobBlobs: makeJobBlobs?.(job.draw) ?? [] };
}

/** The bytes for verifiers of running audits, in memory. The oldest make room for new ones; they are fetched again when a job needs them. */
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
