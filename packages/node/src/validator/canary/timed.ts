import type { Peer } from '@ogong/host/link/link-pool';
import { computeTimedDeadline } from '@ogong/protocol/audit/timed-challenge';
import { createWriter, toHex } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { type Header, isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { readScoreReport } from '@ogong/protocol/modality/text/read-report';
import { encodeScored, hashScored, type ScoredReply, toScored } from '@ogong/protocol/modality/text/scored-reply';
import type { Replay } from '@ogong/protocol/modality/text/stage1/replay';
import { fillRound } from '@ogong/protocol/modality/text/stage2/score-commitment';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { isText } from '@ogong/protocol/modality/text/text';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { openReply } from '@ogong/protocol/verdict/opened-reply';
import type { ReportSubject } from '@ogong/protocol/verdict/report-check';
import { computeJobId, computeJobNonce } from '@ogong/protocol/verdict/verifier-draw';
import { judgeHoneypot, type KnownAnswer, toExpectedReport } from '../audit/honeypot.ts';
import {
  askToCommit,
  askToReveal,
  createScoreJob,
  type VerifierCallOptions,
  type VerifierCalls,
} from '../audit/verifier-call.ts';
import { readAnnouncement } from '../store/announcement-store.ts';
import { type ReplyRow, toClaim } from '../store/reply-store.ts';
import { listTimedWork, type TimedReply } from '../store/timed-work.ts';
import {
  createDrawnTests,
  type DrawnTest,
  type DrawnTestDependencies,
  type DrawnTests,
  type TestOutcome,
} from './drawn-tests.ts';
import { takeTurns } from './take-turns.ts';

export interface TimedDependencies extends DrawnTestDependencies {
  /** 20 bytes, of this validator. */
  readonly validator: Uint8Array;
  /** 32 bytes, known to nobody else. */
  readonly jobSecret: Uint8Array;
  readonly calls: VerifierCalls;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, call: VerifierCallOptions) => Promise<Uint8Array>;
  /** Tokens that the slowest device that may take part scores in a second; undefined while the chain was not read. */
  readonly slowestRate: () => number | undefined;
  /** Whether this validator hears of the others: otherwise silence says nothing of a device. */
  readonly isConnected: () => boolean;
  readonly drift?: DriftPolicy | undefined;
}

const DOMAIN = encodeDomain('ogong-timed-job-v1');
/** One challenge is several jobs at once, so that work and not the way to the device takes the time. */
const MAX_JOBS = 4;
const WORK_DOMAIN = encodeDomain('ogong-timed-work-v1');
const LOOKED_AT = 64;
/** Some 10 MB. */
const MAX_GIVEN = 65_536;
const OPENING_TIMEOUT_MS = 10_000;

/**
 * Gives whom the beacon draws work of a known size with a deadline (docs/spec/timed-challenge.md): replies that somebody else served, as
 * an audit would have them scored. So any engine behind a verifier takes part by the path that it is paid for.
 */
export function createTimedChallenges(dependencies: TimedDependencies): DrawnTests {
  const given = createGivenWork();
  return createDrawnTests('timed', dependencies, (test, signal) => challenge({ ...dependencies, given }, test, signal));
}

type ChallengeState = TimedDependencies & { readonly given: GivenWork };

async function challenge(state: ChallengeState, test: DrawnTest, signal: AbortSignal): Promise<TestOutcome> {
  const { store, crypto, clock, calls, slowestRate, isConnected, given } = state;
  const verifier = store.read(() => readAnnouncement(store, test.providerId))?.verifier;
  const tokensPerSecond = slowestRate();
  if (verifier === undefined || tokensPerSecond === undefined) return 'unknown';
  // Before the clock starts.
  const subject = { ...test, verifierIds: [test.providerId, verifier.keyHash] };
  const rows = chooseWork(
    state,
    test,
    store.read(() => listTimedWork(store, subject, LOOKED_AT)),
  );
  // At once: another challenge of this key may be about to begin.
  for (const { replyId } of rows) given.add(test, replyId);
  const found = await Promise.all(rows.map((row) => openWork(state, row, signal)));
  // Whoever keeps its openings back uses up nobody's work.
  for (const [index, { replyId }] of rows.entries()) if (found[index] === undefined) given.remove(test, replyId);
  const jobs = found.flatMap((work, index) => (work === undefined ? [] : [createJob(state, test, { work, index })]));
  if (jobs.length === 0) return 'unknown';
  const tokens = jobs.reduce((sum, { work }) => sum + countTokens(work.known.header), 0);
  const deadlineMs = computeTimedDeadline({ tokens, tokensPerSecond });
  const call = { timeoutMs: deadlineMs, signal };
  const asked = { peer: verifier, keyHash: verifier.keyHash };
  const startMs = clock.nowMs();
  const bound = await Promise.all(
    jobs.map(({ jobId, work }) => askToCommit(crypto, calls, asked, toMessage(work, { jobId, deadlineMs }), call)),
  );
  const tookMs = clock.nowMs() - startMs;
  if (signal.aborted || !isConnected()) return 'unknown';
  if (tookMs > deadlineMs) return 'missed';
  for (const [index, job] of jobs.entries()) {
    const answer = bound[index];
    if (answer?.outcome !== 'answered') return 'missed';
    if (!(await isRight(state, job, { peer: verifier, committed: answer.value, call }))) return 'missed';
  }
  return signal.aborted ? 'unknown' : 'answered';
}

/**
 * Nothing that this key was given before, and what it was asked about in an audit last: it may have kept the report. Among the others a draw
 * that only this validator can make, and of each server one before a second of anybody: whoever serves the newest replies, short ones or ones
 * that it foresees, cannot choose what a friend is asked.
 */
function chooseWork(
  { crypto, jobSecret, given }: Pick<ChallengeState, 'crypto' | 'jobSecret' | 'given'>,
  test: DrawnTest,
  replies: readonly TimedReply[],
): readonly ReplyRow[] {
  const { epoch, providerId, arrival } = test;
  const drawn = replies
    .filter(({ row }) => !given.has(test, row.replyId))
    .map((reply) => {
      const writer = createWriter()
        .bytes(WORK_DOMAIN)
        .bytes(jobSecret, 32)
        .u64(epoch)
        .bytes(providerId, 32)
        .u8(arrival);
      return { reply, at: toHex(crypto.sha256(writer.bytes(reply.row.replyId, 16).finish())) };
    })
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ reply }) => reply);
  const serverOf = ({ row }: TimedReply): string => toHex(toClaim(row).order.providerId);
  const [fresh, known] = [false, true].map((which) => drawn.filter(({ isKnown }) => isKnown === which));
  return [...takeTurns(fresh ?? [], serverOf), ...takeTurns(known ?? [], serverOf)]
    .slice(0, MAX_JOBS)
    .map(({ row }) => row);
}

interface GivenWork {
  has(test: DrawnTest, replyId: Uint8Array): boolean;
  add(test: DrawnTest, replyId: Uint8Array): void;
  remove(test: DrawnTest, replyId: Uint8Array): void;
}

/** What each key was given while this process runs; the oldest is forgotten first. */
function createGivenWork(): GivenWork {
  const given = new Set<string>();
  const nameOf = ({ providerId }: DrawnTest, replyId: Uint8Array): string => `${toHex(providerId)} ${toHex(replyId)}`;
  return {
    has: (test, replyId) => given.has(nameOf(test, replyId)),
    remove: (test, replyId) => void given.delete(nameOf(test, replyId)),
    add(test, replyId) {
      given.add(nameOf(test, replyId));
      const [oldest] = given;
      if (given.size > MAX_GIVEN && oldest !== undefined) given.delete(oldest);
    },
  };
}

/** A reply whose right report is known from its opening. */
interface TimedWork {
  readonly request: Uint8Array;
  readonly endpoint: string;
  readonly known: KnownAnswer;
  readonly scored: ScoredReply;
  readonly replay: Replay;
}

interface TimedJob {
  readonly jobId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly work: TimedWork;
}

const countTokens = ({ promptTokenCount, outputTokenCount }: Header): number => promptTokenCount + outputTokenCount;

/** @returns undefined where its provider does not show it any more. */
async function openWork(
  { crypto, store, getOpening }: TimedDependencies,
  row: ReplyRow,
  signal: AbortSignal,
): Promise<TimedWork | undefined> {
  const { order, record, header } = toClaim(row);
  const server = store.read(() => readAnnouncement(store, order.providerId));
  if (server === undefined || row.submission === undefined || !isTextHeader(header)) return undefined;
  const call = { timeoutMs: OPENING_TIMEOUT_MS, signal };
  const bytes = await getOpening(server, row.replyId, call).catch(() => undefined);
  const opened = bytes && openReply(crypto, record, bytes);
  if (opened?.outcome !== 'consistent' || !isText(opened.reply)) return undefined;
  const { request, endpoint } = row.submission;
  const { replay } = opened.reply;
  const known = { header, report: toExpectedReport(record, header, opened.opening) };
  const scored = toScored({ endpoint, modelRoot: record.modelRoot }, header, replay);
  return { request, endpoint, known, scored, replay };
}

/** With an id that says nothing of its kind. */
function createJob(
  { crypto, validator, jobSecret }: TimedDependencies,
  { epoch, providerId, modelRoot, arrival }: DrawnTest,
  { work, index }: { readonly work: TimedWork; readonly index: number },
): TimedJob {
  const writer = createWriter().bytes(DOMAIN).bytes(jobSecret, 32).u64(epoch).bytes(providerId, 32);
  const replyId = crypto.sha256(writer.bytes(modelRoot, 32).u8(arrival).u8(index).finish()).slice(0, 16);
  const nonce = computeJobNonce(crypto, { secret: jobSecret, replyId, attempt: 0 });
  return { jobId: computeJobId(crypto, { validator, replyId, attempt: 0, nonce }), nonce, work };
}

const toMessage = (
  { request, scored }: TimedWork,
  { jobId, deadlineMs }: { readonly jobId: Uint8Array; readonly deadlineMs: number },
) => createScoreJob({ jobId, request, timeoutMs: deadlineMs }, encodeScored(scored));

interface Committed {
  readonly peer: Peer;
  readonly committed: Parameters<typeof askToReveal>[3]['committed'];
  readonly call: VerifierCallOptions;
}

/** Whether it opens to what an honest pass gives. Opening is not timed. */
async function isRight(
  { crypto, calls, clock, drift }: TimedDependencies,
  { jobId, nonce, work }: TimedJob,
  { peer, committed, call }: Committed,
): Promise<boolean> {
  const { request, endpoint, known, scored, replay } = work;
  const { modelRoot } = scored;
  const inputsHash = hashScored(crypto, hashRequest(crypto, endpoint, request), scored);
  const startMs = clock.nowMs();
  const of = {
    ...{ jobId, committed, round: fillRound(crypto, [committed.digest], nonce) },
    subject: {
      inputsHash,
      read: (bytes: Uint8Array, job: ReportedJob) =>
        readScoreReport(bytes, { ...job, modelRoot, header: known.header, replay, contextSize: ALL_OF_IT }),
    },
    pause: async () => undefined,
    isOver: () => clock.nowMs() - startMs >= call.timeoutMs,
  };
  const answer = await askToReveal(crypto, calls, { peer }, of, call);
  if (answer.outcome !== 'answered') return false;
  const report = parseScoreReport(answer.value.report);
  return judgeHoneypot(crypto, known, { position: undefined }, report, drift).outcome !== 'failed';
}

type ReportedJob = Parameters<ReportSubject['read']>[1];

/** A challenge is about whole replies. */
const ALL_OF_IT = 0xffffffff;
