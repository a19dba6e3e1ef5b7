import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCallOptions } from '@ogong/host/link/verifier-call';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { MAX_MEDIA_BYTES, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import type { WantedJob } from '@ogong/protocol/modality/blob-walk';
import type { ReplyTexts, StoredClaim } from '@ogong/protocol/verdict/claim';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { readAnnouncement } from '../store/announcement-store.ts';
import { forgetAsks, keepAsks, readAsks } from '../store/replies/opening-store.ts';
import { keepOpening } from '../store/replies/reply-changes.ts';
import { hasOpening } from '../store/replies/reply-store.ts';
import type { CallDeadline } from './call-deadline.ts';
import { askNobody, fetchTexts, type GetTexts } from './fetch-texts.ts';
import { createPatience, NoAnswer, type PatienceDependencies, type PatienceOptions, Unannounced } from './patience.ts';
import {
  countAuditBytes,
  fetchNoBlob,
  type GetBlob,
  type ReadBlobs,
  readReplayBlobs,
  rethrowBlobError,
} from './replay-blobs.ts';
import { fetchMedia, fetchNoMedia, type GetMedia } from './request-media.ts';

/** `windowMs`: time that a provider has for an opening, from the first call. */
export interface OpeningFetchOptions extends PatienceOptions {}

export interface OpeningFetchDependencies extends PatienceDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<Uint8Array>;
  /** Default: blobs are never fetched. */
  readonly getBlob?: GetBlob | undefined;
  /** Default: media are never fetched. */
  readonly getMedia?: GetMedia | undefined;
  /** Default: texts are never fetched. */
  readonly getTexts?: GetTexts | undefined;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
}

/** An opening, with the texts if they were not handed in before. */
export interface FetchedOpening extends ReadBlobs {
  readonly opened: OpenedReply;
  readonly texts: ReplyTexts | undefined;
  /** The media of the request, in the order of their references. */
  readonly media: readonly Uint8Array[];
  /** The wanted rows of a shard. */
  readonly rows?: Uint8Array | undefined;
}

/** The parts that are wanted beside the opening. */
export interface WantedParts {
  /** This validator's receipt, if the reply came without its texts. The texts are asked for with it. */
  readonly intake: IntakeSignature | undefined;
  /** Whether the opening is stored, and only blobs or media are missing. */
  readonly isKept: boolean;
  /** The request, if the reply came with its texts. */
  readonly request?: Uint8Array | undefined;
  readonly job: WantedJob;
  /** Rows that a job about one shard needs. Default: none. */
  readonly rows?: BlobRef | undefined;
}

export type OpeningOutcome =
  | ({ readonly outcome: 'opened' } & Omit<FetchedOpening, 'texts'>)
  /** The audit goes on later: the opening is asked for again, or the payer has handed it over. */
  | { readonly outcome: 'waiting' }
  /** Refused or late. Only this validator knows which. */
  | { readonly outcome: 'withheld'; readonly detail: string }
  /** The provider no longer has to keep it, and was not asked often enough while it had to. */
  | { readonly outcome: 'unasked'; readonly detail: string };

/**
 * Asks for one opening with its blobs, once. Between two attempts the audit gives its place to others. Counts the provider's time and
 * the calls, which together make an opening withheld.
 */
export function createOpeningFetch(options: OpeningFetchOptions, dependencies: OpeningFetchDependencies) {
  const { windowMs } = options;
  const { crypto, clock, store, group, getOpening, signal, onError } = dependencies;
  const { getTexts = askNobody, getBlob = fetchNoBlob, getMedia = fetchNoMedia } = dependencies;
  const patience = createPatience(options, dependencies);

  /** Stores an opening from any sender. */
  async function keep(replyId: Uint8Array, { opened, texts }: Pick<FetchedOpening, 'opened' | 'texts'>): Promise<void> {
    const deadlineMs = clock.nowMs() + windowMs;
    await group.write((db) => keepOpening(db, replyId, opened.bytes, { deadlineMs, texts }));
  }

  /** Forgets the calls for the missing blobs of a stored opening. */
  const forget = (replyId: Uint8Array): Promise<void> => group.write((db) => forgetAsks(db, replyId));

  async function ask(claim: StoredClaim, wanted: WantedParts): Promise<OpeningOutcome> {
    const { replyId, expiresAtMs } = claim.order;
    const before = store.read(() => readAsks(store, replyId));
    const asked = await patience.ask(before, {
      party: claim.header.payee,
      call: (deadline) => call(claim, wanted, deadline),
    });
    if (signal.aborted) return { outcome: 'waiting' };
    if ('value' in asked) {
      const { texts: _texts, ...fetched } = asked.value;
      if (wanted.isKept) await forget(replyId);
      else await keep(replyId, asked.value);
      return { outcome: 'opened', ...fetched };
    }
    const { error, asks: after } = asked;
    onError(error, replyId);
    // Stored in any case: while witnesses are awaited, this is asked again.
    const isHanded = await group.write((db) => {
      if (!wanted.isKept && hasOpening(db, replyId)) return true;
      keepAsks(db, replyId, { ...after, dueAtMs: clock.nowMs() + after.pauseMs });
      return false;
    });
    // The payer has handed the opening over during the call, so the failure does not count.
    if (isHanded) return { outcome: 'waiting' };
    if (clock.nowMs() > Number(expiresAtMs) + OPENING_KEPT_MS) {
      return { outcome: 'unasked', detail: `asked ${before.asks} times while it had to be kept` };
    }
    if (!patience.isOver(after)) return { outcome: 'waiting' };
    const detail = `asked ${after.asks} times in ${Math.round(after.waitedMs)} ms, answered ${after.refusals} times without it`;
    return { outcome: 'withheld', detail };
  }

  async function call(
    claim: StoredClaim,
    { intake, request, job, rows: wantedRows }: WantedParts,
    deadline: CallDeadline,
  ): Promise<FetchedOpening> {
    const { replyId, providerId } = claim.order;
    const provider = store.read(() => readAnnouncement(store, providerId));
    if (provider === undefined) throw new Unannounced(`${toHex(providerId)} is not announced`);
    const inTime = () => ({ timeoutMs: deadline.leftMs(), signal });
    const bytes = await getOpening(provider, replyId, inTime());
    const opened = openReply(crypto, claim.record, bytes);
    if (opened === undefined || opened.outcome === 'nothing')
      throw new NoAnswer('the answer does not open the commitment');
    deadline.extend(countAuditBytes(opened, wantedRows));
    const texts = intake && (await fetchTexts(crypto, claim, () => getTexts(provider, { replyId, intake }, inTime())));
    const read = await readReplayBlobs(crypto, opened, job, (ref, blind) =>
      getBlob(provider, replyId, ref, blind, inTime()),
    );
    const rows =
      wantedRows &&
      (await getBlob(provider, replyId, wantedRows, opened.opening.blind, inTime()).catch(rethrowBlobError));
    const media = await fetchMedia(crypto, texts?.request ?? request, () => {
      deadline.extend(MAX_MEDIA_BYTES);
      return getMedia(provider, replyId, opened.opening.blind, inTime());
    });
    return { opened, texts, ...read, media, rows };
  }

  return { ask, keep, forget };
}
