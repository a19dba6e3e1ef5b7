import { Refusal } from '@ogong/host/link/link-error';
import type { Peer } from '@ogong/host/link/link-pool';
import { isRefusedJob, type VerifierCallOptions } from '@ogong/host/link/verifier-call';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { RecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { MAX_MEDIA_BYTES, MAX_ROWS_BYTES } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { hashJobRound, type JobRound } from '@ogong/protocol/exchange/round-signature';
import { SALT_BYTES, type ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { EndedOrder, HandedReply, StoredClaim } from '@ogong/protocol/verdict/claim';
import type { OpenedReport, SignedCommitment } from '@ogong/protocol/verdict/evidence';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { findCommitmentProblem, readReport } from '@ogong/protocol/verdict/report-check';
import { isRefutation } from '@ogong/protocol/verdict/verify-verdict';
import type { ContestedReport, FoundOpening } from '../audit/audit-state.ts';
import type { CallDeadline } from '../audit/call-deadline.ts';
import { askNobody, fetchTexts, type GetTexts } from '../audit/fetch-texts.ts';
import {
  createPatience,
  NoAnswer,
  OwnFault,
  type PatienceDependencies,
  type PatienceOptions,
  Unannounced,
} from '../audit/patience.ts';
import {
  countAuditBytes,
  fetchNoBlob,
  fetchReplayBlobs,
  type GetBlob,
  rethrowBlobError,
} from '../audit/replay-blobs.ts';
import { fetchMedia, fetchNoMedia, type GetMedia } from '../audit/request-media.ts';
import { readAnnouncement } from '../store/announcement-store.ts';
import { type Inquiry, keepInquiry, type Question, readInquiry } from '../store/witness-store.ts';
import type { AcceptedRecord } from './accepted-record.ts';
import { createBlobRoom } from './blob-room.ts';

/** Data that a provider or a verifier has sent. */
export type ReplyPart =
  /** The record, or the provider's statement that it ended the order. */
  | { readonly kind: 'record'; readonly submission: HandedReply | EndedOrder }
  /** The receipt of the order's validator, in place of the record. */
  | { readonly kind: 'taken' }
  | FoundOpening
  | { readonly kind: 'commitment'; readonly committed: SignedCommitment }
  | { readonly kind: 'report'; readonly opened: OpenedReport };

export type InquiryAnswer =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'silent'; readonly isRefused: boolean; readonly epoch: bigint; readonly timeMs: number }
  | ReplyPart;

export interface InquirerDependencies extends PatienceDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly latestEpoch: () => bigint;
  /** Asks a provider for the record of a reply. @throws LinkError */
  readonly showRecord: (
    provider: Peer,
    replyId: Uint8Array,
    options: VerifierCallOptions,
  ) => Promise<HandedReply | EndedOrder | AcceptedRecord>;
  /** Tells whether the order's validator has signed for a record (isAcceptedRecord). */
  readonly isTaken: (order: NamedOrder, taken: AcceptedRecord) => Promise<boolean>;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<Uint8Array>;
  /** Fetches the blobs that it names. Default: blobs are never fetched. @throws BlobError, LinkError */
  readonly getBlob?: GetBlob;
  /** Fetches the media of its request. Default: media are never fetched. @throws LinkError */
  readonly getMedia?: GetMedia;
  /** Fetches the texts beside it. Default: texts are never fetched. @throws LinkError */
  readonly getTexts?: GetTexts;
  /** Asks a verifier to commit, in the name of the validator of the job. @throws LinkError */
  readonly commit: (
    verifier: Peer,
    job: ScoreJobMessage & { readonly validator: Uint8Array },
    options: VerifierCallOptions,
  ) => Promise<SignedCommitment>;
  /** Asks a verifier to open its commitment, with the round signature of the validator of the job. @throws LinkError */
  readonly reveal: (
    verifier: Peer,
    job: JobRound & { readonly validator: Uint8Array; readonly word: Uint8Array },
    options: VerifierCallOptions,
  ) => Promise<
    OpenedReport & { readonly openedRound?: (Omit<JobRound, 'jobId'> & { readonly word: Uint8Array }) | undefined }
  >;
  /** Tells whether the order's validator has signed for a round (round-signature.ts). */
  readonly isOwnRound: (order: NamedOrder, job: JobRound & { readonly word: Uint8Array }) => Promise<boolean>;
  /**
   * Checks a submission. @throws ClaimError, ProtocolError if it does not match its order; any other error if that
   * cannot be decided now.
   */
  readonly checkSubmission: (order: NamedOrder, submission: HandedReply | EndedOrder) => Promise<unknown>;
  readonly signal: AbortSignal;
}

/** A question to one party, with the data that checks its answer. */
export type WitnessQuestion = { readonly question: Question; readonly order: NamedOrder } & (
  | { readonly asked: 'record' }
  | {
      readonly asked: 'opening';
      readonly record: RecordV2;
      /** Root of the rows of an edge that are wanted, too. Default: none. */
      readonly rows?: Uint8Array | undefined;
      /** Present if the texts are wanted, too. */
      readonly texts?: {
        readonly claim: Pick<StoredClaim, 'order' | 'record' | 'header'>;
        readonly intake: IntakeSignature;
      };
    }
  | { readonly asked: 'commitment'; readonly job: ScoreJobMessage; readonly keyHash: Uint8Array }
  | (ContestedReport & { readonly word: Uint8Array })
);

/**
 * Asks a provider for a record or an opening, or a verifier for its commitment. It asks as often and as long as the
 * rules of lateness require before anybody may blame the party. Each call asks once at most. The result is on the disk
 * before it is returned, and an answer of silence never changes.
 */
export interface Inquirer {
  ask(asked: WitnessQuestion): Promise<InquiryAnswer>;
}

export interface InquirerOptions {
  readonly record: PatienceOptions;
  readonly opening: PatienceOptions;
  /** Limits by the size of the job. */
  readonly commitment: (job: Pick<ScoreJobMessage, 'endpoint' | 'header' | 'claim' | 'request'>) => PatienceOptions;
  readonly report: PatienceOptions;
}

/**
 * Creates an inquirer with separate windows. A record is short and was due long ago, an opening may be long, and a
 * report must be computed.
 */
export function createInquirer(options: InquirerOptions, dependencies: InquirerDependencies): Inquirer {
  const { crypto, clock, store, group, latestEpoch, showRecord, isTaken, getOpening, checkSubmission, signal } =
    dependencies;
  const { getTexts = askNobody, getBlob = fetchNoBlob, getMedia = fetchNoMedia } = dependencies;
  const patience = {
    record: createPatience(options.record, dependencies),
    opening: createPatience(options.opening, dependencies),
  };
  // An audit attempt waits for a verifier's answers. The wait must not depend on the speed of other verifiers.
  const patienceOf = (asked: WitnessQuestion) => {
    if (asked.asked === 'commitment') return createPatience(options.commitment(asked.job), dependencies);
    return asked.asked === 'report' ? createPatience(options.report, dependencies) : patience[asked.asked];
  };
  const running = new Map<string, Promise<InquiryAnswer>>();
  const room = createBlobRoom();

  async function call(asked: WitnessQuestion, deadline: CallDeadline): Promise<ReplyPart> {
    const inTime = () => ({ timeoutMs: deadline.leftMs(), signal });
    const { order, question } = asked;
    const provider = store.read(() => readAnnouncement(store, question.target));
    if (provider === undefined) throw new Unannounced(`${toHex(question.target)} is not announced`);
    if (asked.asked === 'commitment') return callVerifier(asked, provider.verifier, deadline.leftMs());
    if (asked.asked === 'report') return callToReveal(asked, provider.verifier, deadline.leftMs());
    if (asked.asked === 'record') {
      const submission = await showRecord(provider, order.replyId, inTime());
      if ('intake' in submission) {
        if (!(await isTaken(order, submission)))
          throw new NoAnswer("the answer is no receipt of the order's validator");
        return { kind: 'taken' };
      }
      await checkSubmission(order, submission).catch((cause: unknown) => {
        if (!isRefutation(cause)) throw new OwnFault('the record cannot be checked now', { cause });
        throw new NoAnswer('the answer is not the ordered reply', { cause });
      });
      return { kind: 'record', submission };
    }
    const opening = await getOpening(provider, order.replyId, inTime());
    const opened = openReply(crypto, asked.record, opening);
    if (opened === undefined || opened.outcome === 'nothing') throw new NoAnswer('the answer is no opening');
    const rows = asked.rows && findEdgeRows(opened, asked.rows);
    const sizeBytes = countAuditBytes(opened, rows);
    deadline.extend(sizeBytes);
    const read = (ref: BlobRef) => getBlob(provider, order.replyId, ref, opened.opening.blind, inTime());
    const blobs = await room.hold(sizeBytes, async () => [
      ...(await fetchReplayBlobs(opened, read)),
      ...(rows ? [await read(rows).catch(rethrowBlobError)] : []),
    ]);
    const found = { kind: 'opening' as const, opening, ...(blobs.length > 0 && { blobs: [...blobs] }) };
    if (asked.texts === undefined) return found;
    const { claim, intake } = asked.texts;
    const texts = await fetchTexts(crypto, claim, () =>
      getTexts(provider, { replyId: order.replyId, intake }, inTime()),
    );
    const media = await fetchMedia(crypto, texts.request, () => {
      deadline.extend(MAX_MEDIA_BYTES);
      return getMedia(provider, order.replyId, opened.opening.blind, inTime());
    });
    return { ...found, texts, ...(media.length > 0 && { media: [...media] }) };
  }

  async function callVerifier(
    { order, job, keyHash }: Extract<WitnessQuestion, { readonly asked: 'commitment' }>,
    verifier: Announcement['verifier'],
    timeoutMs: number,
  ): Promise<ReplyPart> {
    assertAnnounced(verifier, keyHash);
    const asked = { ...job, timeoutMs, validator: order.validator };
    const committed = await dependencies.commit(verifier, asked, { timeoutMs, signal }).catch((cause: unknown) => {
      throw isRefusedJob(cause) ? new NoAnswer('it refuses the job', { cause }) : cause;
    });
    const problem = findCommitmentProblem(crypto, { jobId: job.jobId, keyHash, committed });
    if (problem !== undefined) throw new NoAnswer(`the answer is no commitment: ${problem}`);
    return { kind: 'commitment', committed };
  }

  async function callToReveal(
    {
      order,
      jobId,
      keyHash,
      inputsHash,
      committed,
      round,
      word,
    }: Extract<WitnessQuestion, { readonly asked: 'report' }>,
    verifier: Announcement['verifier'],
    timeoutMs: number,
  ): Promise<ReplyPart> {
    assertAnnounced(verifier, keyHash);
    const { validator } = order;
    const answer = await dependencies.reveal(verifier, { jobId, round, validator, word }, { timeoutMs, signal });
    const { openedRound } = answer;
    if (openedRound && (await isOtherRound(order, { committed, jobId, round }, { jobId, ...openedRound }))) {
      throw new Refusal('conflict', 'its validator has had this report opened over another round');
    }
    const { salt, report, signature } = answer;
    const opened = { salt, report, signature };
    if (salt.length !== SALT_BYTES) throw new NoAnswer(`a salt of ${salt.length} bytes`);
    // Only validators with the reply can tell if the report says anything about it.
    const read = readReport(crypto, { jobId, committed, opened, round }, { inputsHash, read: () => ({}) });
    if ('problem' in read) throw new NoAnswer(`the answer opens no commitment: ${read.problem}`);
    return { kind: 'report', opened };
  }

  /** Tells whether a verifier opened its report over another round. Then its validator lied and not the verifier. */
  async function isOtherRound(
    order: NamedOrder,
    asked: JobRound & { readonly committed: SignedCommitment },
    shown: JobRound & { readonly word: Uint8Array },
  ): Promise<boolean> {
    const isOther = !equalBytes(hashJobRound(crypto, shown), hashJobRound(crypto, asked));
    const isNamed = shown.round.some((digest) => equalBytes(digest, asked.committed.digest));
    return isOther && isNamed && dependencies.isOwnRound(order, shown);
  }

  async function askOnce(asked: WitnessQuestion): Promise<InquiryAnswer> {
    const before = store.read(() => readInquiry(store, asked.question));
    const told = readSilence(before);
    if (told) return told;
    const nowMs = clock.nowMs();
    const isEarly = nowMs < before.dueAtMs && before.dueAtMs <= nowMs + before.pauseMs;
    if (isEarly && before.outcome === undefined) return { kind: 'waiting' };
    const { ask, isOver, isRefused } = patienceOf(asked);
    const answer = await ask(before, { party: asked.question.target, call: (deadline) => call(asked, deadline) });
    if ('error' in answer && answer.error instanceof Refusal) throw answer.error;
    if (signal.aborted) return { kind: 'waiting' };
    if ('value' in answer) {
      await group.write((db) => keepInquiry(db, { ...before, outcome: 'found' }));
      return answer.value;
    }
    const { asks } = answer;
    const isSilent = before.outcome !== 'found' && isOver(asks);
    // Others choose a verifier's jobs. So one answer is enough: it was there.
    const isAnswered = asked.asked === 'commitment' ? asks.refusals > 0 : isRefused(asks);
    const after: Inquiry = {
      ...before,
      ...asks,
      dueAtMs: clock.nowMs() + asks.pauseMs,
      ...(isSilent && { outcome: isAnswered ? 'refused' : 'silent', epoch: latestEpoch(), timeMs: clock.nowMs() }),
    };
    await group.write((db) => keepInquiry(db, after));
    return readSilence(after) ?? { kind: 'waiting' };
  }

  return {
    /** Callers at the same time share one answer. */
    ask(asked) {
      const { validator, replyId, asked: what, target, subject } = asked.question;
      const key = [validator, replyId, target, subject].map(toHex).join() + what;
      const answer = running.get(key) ?? askOnce(asked).finally(() => running.delete(key));
      running.set(key, answer);
      return answer;
    },
  };
}

/** Finds the rows of an edge. A validator that asks for others blames nobody. @throws OwnFault */
function findEdgeRows({ opening: { edges = [] } }: OpenedReply, root: Uint8Array): BlobRef {
  const found = edges.find(({ rows }) => equalBytes(rows.root, root))?.rows;
  if (found !== undefined && found.bytes <= MAX_ROWS_BYTES) return found;
  throw new OwnFault(found ? `rows of ${found.bytes} bytes are too large` : 'the opening names no such rows');
}

function assertAnnounced(
  verifier: Announcement['verifier'],
  keyHash: Uint8Array,
): asserts verifier is NonNullable<Announcement['verifier']> {
  if (verifier !== undefined && equalBytes(verifier.keyHash, keyHash)) return;
  throw new Unannounced(`a verifier with the key ${toHex(keyHash)} is not announced`);
}

function readSilence({ outcome, epoch, timeMs }: Inquiry): Extract<InquiryAnswer, { kind: 'silent' }> | undefined {
  if (outcome === undefined || outcome === 'found' || epoch === undefined || timeMs === undefined) return undefined;
  return { kind: 'silent', isRefused: outcome === 'refused', epoch, timeMs };
}
