import {
  askToCommit,
  askToReveal,
  computeCallTimeout,
  createScoreJob,
  expectJobMs,
  isOwnDelay,
  isRefusedJob,
} from '@ogong/host/link/verifier-call';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import { hashScoreInputs, type ScoreInputs } from '@ogong/protocol/modality/shared/score-commitment';
import { listDigests } from '@ogong/protocol/verdict/attempt-review';
import { findListedSegment } from '@ogong/protocol/verdict/audit-subject';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, readVerifierReport } from '@ogong/protocol/verdict/opened-reply';
import { type ReportSubject, readReport } from '@ogong/protocol/verdict/report-check';
import { postponeAuditAttempt } from '../store/audit-attempt-store.ts';
import { readListedCredential } from '../store/listed-credential-store.ts';
import { type AttemptRow, keepAttempt, listAttempts } from '../store/replies/attempt-store.ts';
import type { ReplyRow } from '../store/replies/reply-store.ts';
import { recordVerifier } from '../store/verifier-store.ts';
import type { ContestedJob, ContestedReport, ContestOutcome } from './audit-state.ts';
import { type BlobJob, findWantedRows, listAuditBlobs, listShardBlobs } from './replay-blobs.ts';
import { namesMedia } from './request-media.ts';
import { findAttemptPeer, findContested, findJobId, findListed, type RoundState, readLists } from './round-state.ts';

/** Job of all verifiers in a round, with its time limits. */
export interface RoundJob {
  readonly replyId: Uint8Array;
  readonly opened: OpenedReply;
  /** Value of the beacon that selected the reply, 32 bytes. */
  readonly draw: Uint8Array;
  /** Terms of the cohort that served; undefined if one provider did. */
  readonly cohort?: AuditContext['claim']['cohort'];
  readonly request: Uint8Array;
  readonly inputs: Omit<ScoreInputs, 'requestHash'>;
  readonly inputsHash: Uint8Array;
  readonly blobs: readonly Uint8Array[];
  readonly media: readonly Uint8Array[];
  /** Time limit of a call, by the size of the job. */
  readonly timeoutMs: number;
  /** Time until the audit's deadline. */
  readonly leftMs: number;
}

/**
 * Continues a round from its last state: every commitment before the first report. Witnesses ask verifiers without a
 * commitment before any verifier opens. They ask verifiers without a report before the audit goes on.
 * @returns false if witnesses still ask, or blobs of the job have to be fetched again. Then the round goes on later.
 */
export async function finishRound(
  state: RoundState,
  row: ReplyRow,
  judged: AuditContext,
  opened: OpenedReply,
  { attempts, leftMs }: { readonly attempts: readonly AttemptRow[]; readonly leftMs: number },
): Promise<boolean> {
  const { store, signal } = state;
  if (lacksBlobs(state, row, opened, findBlobJob(state, row, judged)) && attempts.some(needsJob)) return false;
  const job = createRoundJob(state, row, judged, { opened, leftMs });
  if (leftMs > 0) await commitRound(state, job, attempts);
  else await closeRound(state, row.replyId, attempts);
  if (signal.aborted || !(await contestRound(state, row, job, 'commitment'))) return false;
  await revealRound(
    state,
    job,
    store.read(() => listAttempts(store, row.replyId)),
  );
  return !signal.aborted && contestRound(state, row, job, 'report');
}

/** Returns whether a verifier or its witnesses have yet to get the job. */
const needsJob = (row: AttemptRow): boolean => row.outcome === 'asked' || findContested(row) === 'commitment';

/** Finds the part of the model that the running audit attempt is about. */
export const findBlobJob = (
  state: Pick<RoundState, 'store'>,
  { replyId, sitting }: Pick<ReplyRow, 'replyId' | 'sitting'>,
  { claim: { cohort } }: Pick<AuditContext, 'claim'>,
): BlobJob => ({ cohort, segment: findListedSegment(readLists(state, replyId)[sitting]) });

/** Returns whether blobs of the job, or media of its request, are not at hand. */
export function lacksBlobs(
  { jobBlobs, jobMedia }: Pick<RoundState, 'jobBlobs' | 'jobMedia'>,
  { replyId, submission }: Pick<ReplyRow, 'replyId' | 'submission'>,
  opened: OpenedReply,
  job: BlobJob,
): boolean {
  const needsBlobs =
    job.segment === undefined ? listAuditBlobs(opened).length > 0 : findWantedRows(opened, job) !== undefined;
  if (needsBlobs && jobBlobs.find(replyId) === undefined) return true;
  return jobMedia.find(replyId) === undefined && namesMedia(submission?.request);
}

/** Returns whether the next step of an audit attempt sends a job. */
export function isJobDue(attempts: readonly AttemptRow[], { sitting }: Pick<ReplyRow, 'sitting'>): boolean {
  return attempts.some(needsJob) || !attempts.some((row) => row.sitting === sitting);
}

/** Closes a round. The verifiers had no time left, so none is at fault. */
async function closeRound(
  { group }: Pick<RoundState, 'group'>,
  replyId: Uint8Array,
  attempts: readonly AttemptRow[],
): Promise<void> {
  for (const row of attempts.filter(({ outcome }) => outcome === 'asked' || outcome === 'committed')) {
    await group.write((db) => keepAttempt(db, replyId, { ...row, outcome: 'silent' }));
  }
}

function createRoundJob(
  state: Pick<RoundState, 'store' | 'crypto' | 'callTimeoutMs' | 'windowMs' | 'jobBlobs' | 'jobMedia'>,
  row: ReplyRow,
  judged: AuditContext,
  { opened, leftMs }: Pick<RoundJob, 'opened' | 'leftMs'>,
): RoundJob {
  const { crypto, callTimeoutMs, windowMs, jobBlobs, jobMedia } = state;
  const { replyId, submission } = row;
  const { claim, draw } = judged;
  const about = findBlobJob(state, row, judged);
  const { request, endpoint } = submission as NonNullable<ReplyRow['submission']>;
  const drawn = draw?.beacon ?? NO_DRAW;
  const inputs = opened.reply.describeJob(endpoint, drawn, claim.cohort, about.segment);
  const inputsHash = hashScoreInputs(crypto, { requestHash: claim.order.requestHash, ...inputs });
  const timeoutMs = computeCallTimeout(expectJobMs({ ...inputs, request }), {
    callTimeoutMs,
    mostMs: Math.ceil(windowMs / 3),
  });
  const blobs = listShardBlobs(opened, about, jobBlobs.find(replyId) ?? []);
  const media = jobMedia.find(replyId) ?? [];
  const { cohort } = claim;
  return { replyId, opened, draw: drawn, cohort, request, inputs, inputsHash, blobs, media, timeoutMs, leftMs };
}

/** Asks all verifiers of the round to commit, at the same time. */
export async function commitRound(state: RoundState, job: RoundJob, attempts: readonly AttemptRow[]): Promise<void> {
  const { crypto, calls, awake, clock, steps } = state;
  const call = createCall(state, job);
  const startMs = awake.nowMs();
  const commit = async (row: AttemptRow): Promise<void> => {
    const jobId = findJobId(state, job.replyId, row);
    const { request, timeoutMs, inputs, blobs, media } = job;
    const message = createScoreJob({ jobId, request, timeoutMs }, inputs, blobs, media);
    const peer = findAttemptPeer(state, row);
    const askedMs = clock.nowMs();
    const answer = await askToCommit(crypto, calls, { peer, keyHash: row.keyHash }, message, call);
    steps?.add(job.replyId, 'ask verifier', {
      startMs: askedMs,
      linked: toHex(jobId),
      attributes: { 'ogong.verifier': toHex(row.verifierId) },
      failure: answer.outcome === 'answered' ? undefined : answer.outcome,
    });
    if (answer.outcome !== 'answered') {
      return keepAnswer(state, job, { ...row, outcome: answer.outcome }, { error: answer.error, startMs });
    }
    const committed = answer.value;
    const verifierId = row.keyHash ? row.verifierId : hashHybridKey(crypto, committed.verifierKey);
    await keepAnswer(state, job, { ...row, verifierId, committed, outcome: 'committed' }, { startMs });
  };
  await Promise.all(attempts.filter(({ outcome }) => outcome === 'asked').map(commit));
}

/** Asks all verifiers that committed to open their reports. @param attempts as they are after the last commitment. */
export async function revealRound(state: RoundState, job: RoundJob, attempts: readonly AttemptRow[]): Promise<void> {
  const { crypto, calls, awake, pause } = state;
  const { leftMs } = job;
  const call = createCall(state, job);
  const startMs = awake.nowMs();
  const isOver = (): boolean => awake.nowMs() - startMs >= call.timeoutMs;
  const reveal = async (row: AttemptRow): Promise<void> => {
    const committed = row.committed as NonNullable<AttemptRow['committed']>;
    const round = listDigests(crypto, attempts, row.round);
    const what = {
      jobId: findJobId(state, job.replyId, row),
      ...{ committed, round, isOver },
      subject: createSubject(state, job, row),
      pause: () => pause(leftMs),
    };
    const answer = await askToReveal(crypto, calls, { peer: findAttemptPeer(state, row) }, what, call);
    if (answer.outcome === 'answered') {
      await keepAnswer(state, job, { ...row, opened: answer.value, outcome: 'report' }, { startMs });
    } else {
      const { outcome, error, unreadable: opened } = answer;
      await keepAnswer(state, job, { ...row, opened, outcome }, { error, startMs });
    }
  };
  await Promise.all(attempts.filter(({ outcome }) => outcome === 'committed').map(reveal));
}

function createSubject(
  state: Pick<RoundState, 'store'>,
  { replyId, opened, draw, cohort, inputsHash }: RoundJob,
  row: AttemptRow,
): ReportSubject {
  const listed = findListed(readLists(state, replyId), row);
  return {
    inputsHash,
    read: (bytes, { jobId }) => readVerifierReport(opened, bytes, { jobId, draw, cohort, ...listed }),
  };
}

/**
 * Runs one round in which witnesses ask verifiers without a commitment or without a report.
 * @returns true if all of them have answered, or are silent to witnesses, too.
 */
async function contestRound(
  state: RoundState,
  { orderBytes, orderSignature }: Pick<ReplyRow, 'orderBytes' | 'orderSignature'>,
  job: RoundJob,
  what: 'commitment' | 'report',
): Promise<boolean> {
  const { clock, store, group, signal, contest, contestPauseMs, mostPostponedMs: mostMs } = state;
  const { replyId } = job;
  const order = { order: orderBytes, signature: orderSignature };
  const attempts = store.read(() => listAttempts(store, replyId));
  const ask = async (row: AttemptRow): Promise<boolean> => {
    const found = await contest.ask({ order, ...describeContest(state, job, { row, attempts }) });
    if (signal.aborted) return false;
    const answered = readContest(state, job, row, found);
    if (answered) await group.write((db) => keepAttempt(db, replyId, answered));
    return answered !== undefined;
  };
  const contested = attempts.filter((row) => findContested(row) === what);
  const answers = await Promise.all(contested.map(ask));
  if (answers.every(Boolean)) return true;
  const untilMs = clock.nowMs() + contestPauseMs;
  if (!signal.aborted)
    await group.write((db) => postponeAuditAttempt(db, replyId, { untilMs, byMs: contestPauseMs, mostMs }));
  return false;
}

/** Builds the question for witnesses about the job or the report. */
function describeContest(
  state: RoundState,
  { replyId, request, timeoutMs, inputs, inputsHash, blobs, media }: RoundJob,
  { row, attempts }: { readonly row: AttemptRow; readonly attempts: readonly AttemptRow[] },
): ContestedJob | ContestedReport {
  const { verifierId, keyHash = new Uint8Array(0), committed } = row;
  const jobId = findJobId(state, replyId, row);
  if (committed === undefined) {
    const job = createScoreJob({ jobId, request, timeoutMs }, inputs, blobs, media);
    return { asked: 'commitment', verifierId, keyHash, job };
  }
  const round = listDigests(state.crypto, attempts, row.round);
  return { asked: 'report', verifierId, keyHash, jobId, inputsHash, committed, round };
}

/** @returns the attempt with its result; undefined while witnesses still ask. */
function readContest(state: RoundState, job: RoundJob, row: AttemptRow, found: ContestOutcome): AttemptRow | undefined {
  if (found.kind === 'silent') return { ...row, statements: found.statements };
  if (found.kind === 'commitment') return { ...row, committed: found.committed, outcome: 'committed' };
  const { committed } = row;
  if (found.kind !== 'report' || committed === undefined) return undefined;
  const { store, crypto } = state;
  const { opened } = found;
  const { attempts, listed } = store.read(() => ({
    attempts: listAttempts(store, job.replyId),
    listed: readListedCredential(store, job.replyId, row.verifierId),
  }));
  // At the draw the key was announced for another payee or for none. Its report counts all the same.
  const credential = row.credential ?? listed;
  const round = listDigests(crypto, attempts, row.round);
  const what = { jobId: findJobId(state, job.replyId, row), committed, opened, round };
  const read = readReport(crypto, what, createSubject(state, job, row));
  if (!('problem' in read)) return { ...row, credential, opened, outcome: 'report' };
  return read.isUnreadable ? { ...row, opened, outcome: 'garbage' } : undefined;
}

const createCall = ({ signal }: Pick<RoundState, 'signal'>, { timeoutMs, leftMs }: RoundJob) => ({
  timeoutMs: Math.min(timeoutMs, leftMs),
  signal,
});

/** Stores an answer before anything follows from it. A verifier is marked unless this validator cut its time short. */
async function keepAnswer(
  state: RoundState,
  job: RoundJob,
  row: AttemptRow,
  { error, startMs }: { readonly error?: unknown; readonly startMs: number },
): Promise<void> {
  const { clock, awake, group, signal, onError } = state;
  const { replyId, timeoutMs, leftMs } = job;
  if (signal.aborted) return;
  if (error !== undefined) onError(error, replyId);
  await group.write((db) => {
    keepAttempt(db, replyId, row);
    const tookMs = awake.nowMs() - startMs;
    const isShort = leftMs < timeoutMs;
    const isRefused = row.committed === undefined && isRefusedJob(error);
    const isNobodys = isShort || isRefused || isOwnDelay(error, { ...createCall(state, job), tookMs });
    if (row.outcome === 'silent' && isNobodys) return;
    const why = { nowMs: clock.nowMs(), deferMs: timeoutMs };
    if (row.outcome === 'garbage' || row.outcome === 'silent') recordVerifier(db, row.verifierId, row.outcome, why);
  });
}
