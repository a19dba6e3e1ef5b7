import { hasHoneypot } from '@ogong/protocol/audit/audit';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeVrfOutput } from '@ogong/protocol/crypto/vrf';
import { MAX_MEDIA_BYTES } from '@ogong/protocol/exchange/limits';
import type { WantedJob } from '@ogong/protocol/modality/blob-walk';
import { NO_DRAW, type PlantedReply } from '@ogong/protocol/modality/modality';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import { computePlantSeed } from '@ogong/protocol/verdict/honeypot/honeypot';
import {
  computeHoneypotId,
  computeHoneypotInput,
  toHoneypotNonce,
} from '@ogong/protocol/verdict/honeypot/honeypot-draw';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { readAnnouncement } from '../store/announcement-store.ts';
import type { HoneypotRow } from '../store/honeypot-store.ts';
import { findReply, type ReplyRow, toClaim } from '../store/replies/reply-store.ts';
import { createCallDeadline } from './call-deadline.ts';
import type { HoneypotState } from './honeypot-state.ts';
import { Unannounced } from './patience.ts';
import { countAuditBytes, listAuditBlobs, readReplayBlobs, readShown } from './replay-blobs.ts';
import { fetchMedia, namesMedia } from './request-media.ts';
import { readLists } from './round-state.ts';

/** The bytes that travel beside the job of a honeypot. */
export interface HoneypotParts {
  readonly blobs: readonly Uint8Array[];
  readonly media: readonly Uint8Array[];
}

/** A reply with its honeypot, as this validator stores them. */
export interface StoredHoneypot {
  readonly submission: NonNullable<ReplyRow['submission']>;
  readonly claim: ReturnType<typeof toClaim>;
  readonly opened: OpenedReply;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  readonly planted: PlantedReply;
}

type PlantState = Pick<HoneypotState, 'crypto' | 'store'>;

/** @returns undefined if the audit has ended without it. */
export function readStored(state: PlantState, row: HoneypotRow): StoredHoneypot | undefined {
  const { crypto } = state;
  const reply = findReply(state, row.replyId);
  const listed = findListedCandidate(state, row);
  const output = computeVrfOutput(row.proof);
  if (reply?.submission === undefined || reply.opening === undefined || listed === undefined || output === undefined)
    return undefined;
  const { submission } = reply;
  const claim = toClaim(reply);
  const opened = openReply(crypto, claim.record, reply.opening);
  if (opened?.outcome !== 'consistent') return undefined;
  const nonce = toHoneypotNonce(output);
  const terms = { endpoint: submission.endpoint, nonce, endorsedClass: listed.numericClass };
  const planted = plantReply(state, opened, row, terms);
  return planted && { submission, claim, opened, nonce, planted };
}

/** Returns the candidate as it was listed at the draw. */
const findListedCandidate = (
  state: Pick<HoneypotState, 'store'>,
  { replyId, verifierId }: HoneypotRow,
): EvidenceCandidate | undefined =>
  readLists(state, replyId)[0]?.find(({ providerId }) => equalBytes(providerId, verifierId));

function plantReply(
  { crypto }: Pick<HoneypotState, 'crypto'>,
  { reply }: Pick<OpenedReply, 'reply'>,
  draw: Pick<HoneypotRow, 'beacon' | 'replyId'>,
  { nonce, ...terms }: { readonly endpoint: string; readonly nonce: Uint8Array; readonly endorsedClass: string },
): PlantedReply | undefined {
  return reply.plant?.({ ...terms, draw: draw.beacon, seed: computePlantSeed(crypto, draw, nonce) });
}

/** Returns the nonce of the honeypot that the beacon draws for an audit. Undefined if it draws none. */
function findNonce(
  { crypto, vrf }: Pick<HoneypotState, 'crypto' | 'vrf'>,
  { draw, vrfKey, honeypotPpm = 0 }: AuditContext,
): Uint8Array | undefined {
  if (draw === undefined || vrfKey === undefined || !hasHoneypot(crypto, draw, honeypotPpm)) return undefined;
  const output = computeVrfOutput(vrf.prove(computeHoneypotInput(crypto, draw)));
  return output && toHoneypotNonce(output);
}

/** Returns the draws that decide which values of a reply its audit and its honeypot need. */
export function findWantedJob(state: Pick<HoneypotState, 'crypto' | 'vrf'>, judged: AuditContext): WantedJob {
  const { draw } = judged;
  const nonce = findNonce(state, judged);
  return { draw: draw?.beacon ?? NO_DRAW, plantSeed: draw && nonce && computePlantSeed(state.crypto, draw, nonce) };
}

/**
 * Keeps the bytes for the job of a honeypot while the blobs of its reply are at hand, if the beacon draws one.
 * @param shown the reply as replayed with its blobs.
 */
export function holdParts(
  state: Pick<HoneypotState, 'crypto' | 'vrf' | 'held'>,
  judged: AuditContext,
  shown: OpenedReply,
  media: readonly Uint8Array[],
): void {
  const { crypto, held } = state;
  const { draw } = judged;
  const nonce = findNonce(state, judged);
  const { header } = shown.reply;
  if (draw === undefined || nonce === undefined || header === undefined) return;
  // The bytes do not depend on the class of the verifier.
  const terms = { endpoint: header.endpoint, nonce, endorsedClass: '' };
  const blobs = plantReply({ crypto }, shown, draw, terms)?.makeBlobs?.();
  const id = computeHoneypotId(crypto, draw.replyId);
  if (blobs) held.blobs.hold(id, blobs);
  held.media.hold(id, media);
}

/** Forgets the bytes for the job of a reply's honeypot. */
export function releaseParts({ crypto, held }: Pick<HoneypotState, 'crypto' | 'held'>, replyId: Uint8Array): void {
  const id = computeHoneypotId(crypto, replyId);
  held.blobs.release(id);
  held.media.release(id);
}

/**
 * Returns the bytes that travel beside the job. After a restart they are fetched from the provider again.
 * @throws NoAnswer, and every error of the calls.
 */
export async function findParts(
  state: HoneypotState,
  { id, replyId, beacon }: HoneypotRow,
  stored: StoredHoneypot,
  timeoutMs: number,
): Promise<HoneypotParts> {
  const { crypto, store, held, getBlob, getMedia, signal } = state;
  const { opened, submission, claim, nonce } = stored;
  const { request, endpoint } = submission;
  const [blobs, media] = [held.blobs.find(id), held.media.find(id)];
  const needs = { blobs: listAuditBlobs(opened).length > 0 && !blobs, media: namesMedia(request) && !media };
  if (!needs.blobs && !needs.media) return { blobs: blobs ?? [], media: media ?? [] };
  const provider = store.read(() => readAnnouncement(store, claim.order.providerId));
  if (provider === undefined) throw new Unannounced(`${toHex(claim.order.providerId)} is not announced`);
  const deadline = createCallDeadline(state, timeoutMs);
  const inTime = () => ({ timeoutMs: deadline.leftMs(), signal });
  deadline.extend(countAuditBytes(opened));
  const job = { draw: beacon, plantSeed: computePlantSeed(crypto, { beacon, replyId }, nonce) };
  const read = await readReplayBlobs(crypto, opened, job, (ref, blind) =>
    getBlob(provider, replyId, ref, blind, inTime()),
  );
  const { shown } = await readShown(crypto, opened, read, job);
  const terms = { endpoint, nonce, endorsedClass: '' };
  const made = plantReply(state, shown, { beacon, replyId }, terms)?.makeBlobs?.() ?? [];
  const parts = await fetchMedia(crypto, request, () => {
    deadline.extend(MAX_MEDIA_BYTES);
    return getMedia(provider, replyId, opened.opening.blind, inTime());
  });
  held.blobs.hold(id, made);
  held.media.hold(id, parts);
  return { blobs: made, media: parts };
}
