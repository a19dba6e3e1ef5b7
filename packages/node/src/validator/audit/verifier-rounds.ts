import type { Peer } from '@ogong/host/link/link-pool';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { hashScoreInputs } from '@ogong/protocol/stage2/score-commitment';
import {
  type EvidenceCandidate,
  encodeCandidates,
  encodeDrift,
  parseCandidates,
} from '@ogong/protocol/verdict/evidence';
import { listDigests, type OpenedReply, type Questioned } from '@ogong/protocol/verdict/judge';
import { type Weighed, weighReport } from '@ogong/protocol/verdict/report-check';
import { combineReports } from '@ogong/protocol/verdict/report-combination';
import {
  type Asked,
  computeDrawState,
  computeJobId,
  computeJobNonce,
  computeRoundSize,
  drawVerifier,
} from '@ogong/protocol/verdict/verifier-draw';
import { countContext, listCandidates, readAnnouncement } from '../store/announcement-store.ts';
import { type AttemptRow, keepAttempt, listAttempts } from '../store/attempt-store.ts';
import { putHoneypot } from '../store/honeypot-store.ts';
import { keepCandidates, type ReplyRow, readReply } from '../store/reply-store.ts';
import { recordVerifier } from '../store/verifier-store.ts';
import type { createHoneypots } from './honeypot-runner.ts';
import {
  askToCommit,
  askToReveal,
  computeCallTimeout,
  createScoreJob,
  isOwnDelay,
  type VerifierCalls,
} from './verifier-call.ts';

export interface RoundOptions {
  /** 20 bytes, of this validator. */
  readonly validator: Uint8Array;
  /** Share of audits that ask two verifiers at the same time, parts per million. */
  readonly pairPpm: number;
  /** Longest wait for one commitment, and for one report. */
  readonly callTimeoutMs: number;
  /** From selection to verdict. */
  readonly windowMs: number;
  readonly fixedVerifier: Peer | undefined;
}

export interface RoundDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Passes while this validator can act. */
  readonly awake: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: VerifierCalls;
  /** Of a payee, as last read: chances in the draw. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** 32 bytes: job ids are made from it, so that nobody else can tell what a job is about. */
  readonly jobSecret: Uint8Array;
  readonly signal: AbortSignal;
  /** Waits until asking again makes sense. */
  readonly pause: (leftMs: number) => Promise<void>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
  readonly planHoneypots: ReturnType<typeof createHoneypots>['plan'];
}

/** Beyond this many verifiers a reply is not worth asking about. */
const MAX_ATTEMPTS = 4;

/**
 * Asks verifiers, round after round, until their reports decide, nobody is left, or the window closes. In a round all are
 * asked at the same time, and none is asked to reveal before the last has committed or failed. Who is asked, what was
 * committed and what was opened is on the disk before the message that follows from it leaves, so that a validator which
 * is started again goes on in the same round.
 */
export function createRounds(options: RoundOptions, dependencies: RoundDependencies) {
  const { validator, pairPpm, callTimeoutMs, windowMs, fixedVerifier } = options;
  const { crypto, clock, awake, store, group, calls, stakeOf, jobSecret, signal, pause, onError, planHoneypots } =
    dependencies;

  async function run(row: ReplyRow, judged: Questioned, opened: OpenedReply): Promise<void> {
    const { replyId, deadlineMs = 0 } = row;
    while (!signal.aborted) {
      const leftMs = deadlineMs - clock.nowMs();
      const current = store.read(() => readReply(store, replyId));
      if (current?.state !== 'auditing') return;
      const attempts = store.read(() => listAttempts(store, replyId));
      if (attempts.some(isOpen)) {
        await finishRound(row, judged, opened, { attempts, leftMs });
        continue;
      }
      const weighed = weighAll(judged, opened, attempts);
      const candidates = await prepare(current, judged, opened);
      const next = drawRound(judged, candidates, attempts, weighed);
      const isLast = leftMs <= 0 || attempts.length + next.length > MAX_ATTEMPTS;
      const known = [...weighed.values()];
      if (known.length > 0 && combineReports(known, !isLast && next.length > 0).decision !== 'ask-another') return;
      if (isLast || (next.length === 0 && candidates.length > 0)) return;
      if (next.length === 0) await pause(leftMs);
      else {
        await group.write((db) => {
          for (const asked of next) keepAttempt(db, replyId, asked);
        });
      }
    }
  }

  function drawRound(
    judged: Questioned,
    candidates: readonly EvidenceCandidate[],
    attempts: readonly AttemptRow[],
    weighed: ReadonlyMap<number, Weighed>,
  ): AttemptRow[] {
    const round = (attempts.at(-1)?.round ?? -1) + 1;
    const { replyId } = judged.claim.order;
    const asked: Asked[] = attempts.map(({ attempt, verifierId, round: of }) => ({
      verifierId,
      round: of,
      isOpened: weighed.has(attempt),
      isDoubtful: weighed.get(attempt)?.outcome === 'inconclusive',
    }));
    const drawn: AttemptRow[] = [];
    const size = computeRoundSize(crypto, judged.draw, round, pairPpm);
    while (drawn.length < size) {
      const attempt = attempts.length + drawn.length;
      const isFixed = fixedVerifier !== undefined && attempt === 0;
      const candidate = isFixed
        ? undefined
        : drawVerifier(crypto, judged, candidates, computeDrawState(candidates, asked, round));
      if (!isFixed && candidate === undefined) break;
      const verifierId = candidate?.providerId ?? new Uint8Array(32);
      asked.push({ verifierId, round, isOpened: false, isDoubtful: false });
      drawn.push({
        attempt,
        round,
        verifierId,
        keyHash: candidate?.keyHash,
        nonce: computeJobNonce(crypto, { secret: jobSecret, replyId, attempt }),
        outcome: 'asked',
        committed: undefined,
        opened: undefined,
      });
    }
    return drawn;
  }

  function idOf(replyId: Uint8Array, { attempt, nonce }: AttemptRow): Uint8Array {
    return computeJobId(crypto, { validator, replyId, attempt, nonce });
  }

  /** From wherever the round was left. */
  async function finishRound(
    { replyId, submission }: ReplyRow,
    judged: Questioned,
    opened: OpenedReply,
    { attempts, leftMs }: { attempts: readonly AttemptRow[]; leftMs: number },
  ): Promise<void> {
    const { order } = judged.claim;
    const { reply } = opened;
    const { request, endpoint } = submission as NonNullable<ReplyRow['submission']>;
    const inputs = reply.describeJob(endpoint);
    const inputsHash = hashScoreInputs(crypto, { requestHash: order.requestHash, ...inputs });
    const subject = { inputsHash, read: reply.readReport };
    const timeoutMs = computeCallTimeout(inputs.shapeClasses ?? new Uint8Array(0), {
      callTimeoutMs,
      mostMs: Math.ceil(windowMs / 3),
    });
    const call = { timeoutMs: Math.min(timeoutMs, leftMs), signal };
    const isShort = leftMs < timeoutMs;
    let startMs = awake.nowMs();
    const tookMs = (): number => awake.nowMs() - startMs;
    const keep = async (row: AttemptRow, error?: unknown): Promise<void> => {
      if (signal.aborted) return;
      if (error !== undefined) onError(error, replyId);
      await group.write((db) => {
        keepAttempt(db, replyId, row);
        const why = { nowMs: clock.nowMs(), deferMs: timeoutMs };
        const isNobodys = row.outcome === 'silent' && (isShort || isOwnDelay(error, { ...call, tookMs: tookMs() }));
        if (isNobodys) return;
        if (row.outcome === 'garbage' || row.outcome === 'silent') recordVerifier(db, row.verifierId, row.outcome, why);
      });
    };
    if (leftMs <= 0) {
      // Whoever was asked had no time left: that is nobody's fault.
      for (const row of attempts.filter(isOpen)) {
        await group.write((db) => keepAttempt(db, replyId, { ...row, outcome: 'silent' }));
      }
      return;
    }
    const commit = async (row: AttemptRow): Promise<void> => {
      const job = createScoreJob({ jobId: idOf(order.replyId, row), request, timeoutMs }, inputs);
      const answer = await askToCommit(crypto, calls, { peer: findPeer(row), keyHash: row.keyHash }, job, call);
      if (answer.outcome !== 'answered') return keep({ ...row, outcome: answer.outcome }, answer.error);
      const committed = answer.value;
      const verifierId = row.keyHash ? row.verifierId : hashHybridKey(crypto, committed.verifierKey);
      await keep({ ...row, verifierId, committed, outcome: 'committed' });
    };
    await Promise.all(attempts.filter(({ outcome }) => outcome === 'asked').map(commit));
    if (signal.aborted) return;

    startMs = awake.nowMs();
    const isOver = (): boolean => tookMs() >= call.timeoutMs;
    const bound = store.read(() => listAttempts(store, replyId));
    await Promise.all(
      bound
        .filter(({ outcome }) => outcome === 'committed')
        .map(async (row) => {
          const committed = row.committed as NonNullable<AttemptRow['committed']>;
          const round = listDigests(crypto, bound, row.round);
          const what = {
            jobId: idOf(order.replyId, row),
            committed,
            round,
            subject,
            pause: () => pause(leftMs),
            isOver,
          };
          const answer = await askToReveal(crypto, calls, { peer: findPeer(row) }, what, call);
          if (answer.outcome === 'answered') await keep({ ...row, opened: answer.value, outcome: 'report' });
          else await keep({ ...row, outcome: answer.outcome }, answer.error);
        }),
    );
  }

  /** Reports were read before they were kept. */
  function weighAll(judged: Questioned, opened: OpenedReply, attempts: readonly AttemptRow[]): Map<number, Weighed> {
    const { order } = judged.claim;
    return new Map(
      attempts.flatMap((row) => {
        if (row.opened === undefined) return [];
        const read = opened.reply.readReport(row.opened.report, { jobId: idOf(order.replyId, row) });
        if ('problem' in read) throw new Error(`a report that was kept is none: ${read.problem}`);
        return [[row.attempt, weighReport(read, judged.drift)] as const];
      }),
    );
  }

  /**
   * Drawn from one list until the verdict, so that a co-signer can repeat the draw; frozen once it has somebody, which
   * is when the honeypots that go along are planned.
   */
  async function prepare(row: ReplyRow, judged: Questioned, opened: OpenedReply): Promise<EvidenceCandidate[]> {
    if (row.candidates) return parseCandidates(row.candidates);
    const { draw, claim } = judged;
    if (draw === undefined) return [];
    const { modelRoot, providerId: serverId } = claim.order;
    const { openedAt } = row;
    const context = countContext(claim.header, row.submission?.request);
    const query = { modelRoot, serverId, openedAt, salt: draw.beacon, stakeOf, context, nowMs: clock.nowMs() };
    const candidates = store.read(() => listCandidates(store, crypto, query));
    const nobody = { tried: [], heard: [], isDoubtful: false };
    if (drawVerifier(crypto, judged, candidates, nobody) === undefined) return [];
    const pair = drawRound(judged, candidates, [], new Map())
      .map(({ verifierId }) => candidates.find(({ providerId }) => equalBytes(providerId, verifierId)))
      .filter((candidate) => candidate !== undefined);
    const deadlineMs = row.deadlineMs ?? 0;
    const times = { selectedMs: deadlineMs - windowMs, deadlineMs };
    const planned = planHoneypots(judged, opened, { candidates, pair, ...times });
    await group.write((db) => {
      keepCandidates(db, row.replyId, encodeCandidates(candidates), encodeDrift(judged.drift?.note));
      for (const honeypot of planned) putHoneypot(db, honeypot);
    });
    return candidates;
  }

  /** Where the verifier is now, provided that it still signs with the key that it was drawn for. */
  function findPeer({ verifierId, keyHash }: AttemptRow): Peer | undefined {
    if (keyHash === undefined) return fixedVerifier;
    const verifier = store.read(() => readAnnouncement(store, verifierId))?.verifier;
    return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
  }

  return { run, prepare };
}

function isOpen({ outcome }: AttemptRow): boolean {
  return outcome === 'asked' || outcome === 'committed';
}
