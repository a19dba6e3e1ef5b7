import { setTimeout as delay } from 'node:timers/promises';
import { combineReports } from '@ogong/protocol/adjudicate';
import type { Announcement } from '@ogong/protocol/announcement';
import { type AuditDraw, isAudited } from '@ogong/protocol/audit';
import { equalBytes, toHex } from '@ogong/protocol/bytes';
import type { Crypto } from '@ogong/protocol/crypto';
import type { ScoreReport as ScoreAnswer, ScoreRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashHybridKey } from '@ogong/protocol/hybrid';
import type { VerdictEntry } from '@ogong/protocol/verdict-log';
import type { Clock } from '../../clock.ts';
import type { Peer } from '../../shared/link-pool.ts';
import type { GroupCommit } from '../../store/group-commit.ts';
import type { Store } from '../../store/store.ts';
import { listCandidates, readAnnouncement } from './announcement-store.ts';
import { type AttemptRow, keepAttempt, listAttempts } from './attempt-store.ts';
import type { BeaconArchive } from './beacon-archive.ts';
import { type AuditEvidence, type EvidenceCandidate, encodeCandidates, parseCandidates } from './evidence.ts';
import {
  computeJobId,
  drawVerifier,
  type Judged,
  type Judgement,
  judge,
  type Opened,
  openReply,
  readReport,
  toFixedCandidate,
  weighReport,
} from './judge.ts';
import {
  beginAudit,
  keepCandidates,
  keepOpening,
  listExpired,
  listReplies,
  type ReplyRow,
  readReply,
  toClaim,
} from './reply-store.ts';
import { type Decision, decideReply, markVerifier, type VerdictContext } from './verdict-store.ts';

export interface AuditOptions {
  readonly verdicts: VerdictContext;
  /** Coverage in parts per million; the network's own is the least. */
  readonly alphaPpm: () => number;
  /** From selection to verdict. */
  readonly windowMs: number;
  /** How long after its order's expiry a reply counts as abandoned. */
  readonly graceMs: number;
  readonly concurrency: number;
  /** Longest wait for one opening or one report. */
  readonly callTimeoutMs: number;
  /** Pause between two attempts to get what is not there yet. */
  readonly retryMs: number;
  /** Asked before those that the beacon draws; its key becomes known with its first report. */
  readonly fixedVerifier: Peer | undefined;
}

export interface AuditDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly archive: BeaconArchive;
  readonly getOpening: (provider: Peer, replyId: Uint8Array, options: CallOptions) => Promise<Uint8Array>;
  readonly score: (verifier: Peer, job: ScoreJob, options: CallOptions) => Promise<ScoreAnswer>;
  readonly onVerdict: (entry: VerdictEntry) => void;
  readonly onError?: (error: unknown, replyId: Uint8Array) => void;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type ScoreJob = Omit<ScoreRequest, '$typeName' | '$unknown'>;

export interface Audit {
  /** Selects, starts what has room, and ends what nobody delivered. Resolves when that is durable, not when audits end. */
  tick(): Promise<void>;
  /** Resolves when no audit is running. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const PER_TICK = 256;
/** Beyond this many verifiers a reply is not worth asking about. */
const MAX_ATTEMPTS = 4;

/** The audit of every reply, as work that is taken up again where it was left. */
export function createAudit(options: AuditOptions, dependencies: AuditDependencies): Audit {
  const { verdicts, windowMs, graceMs, concurrency, callTimeoutMs, retryMs, fixedVerifier } = options;
  const { crypto, clock, store, group, archive, getOpening, score, onVerdict, onError = () => {} } = dependencies;
  const running = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const startedMs = clock.nowMs();

  const find = (replyId: Uint8Array): ReplyRow | undefined => store.read(() => readReply(store, replyId));

  async function decide(replyId: Uint8Array, decision: Decision): Promise<void> {
    const nowMs = clock.nowMs();
    const entry = await group.write((db) => decideReply(db, verdicts, { replyId, decision, nowMs }));
    if (entry) onVerdict(entry);
  }

  function readDraw(replyId: Uint8Array, beaconEpoch: bigint): AuditDraw | undefined {
    const beacon = archive.find(beaconEpoch);
    return beacon && { replyId, intakeEpoch: beaconEpoch - 1n, beaconEpoch, beacon: beacon.value };
  }

  /** The beacon of the first epoch after intake that is certified decides whether a reply is audited. */
  async function select(replyId: Uint8Array): Promise<void> {
    const row = find(replyId);
    const beaconEpoch = archive.findNext(row?.intakeEpoch ?? 0n);
    if (row === undefined || beaconEpoch === undefined) return;
    const draw = readDraw(replyId, beaconEpoch) as AuditDraw;
    if (row.isForced || isAudited(crypto, draw, options.alphaPpm())) {
      await group.write((db) => beginAudit(db, replyId, beaconEpoch, clock.nowMs() + windowMs));
    } else {
      await decide(replyId, { verdict: 'unaudited', beaconEpoch });
    }
  }

  async function tick(): Promise<void> {
    const nowMs = clock.nowMs();
    // Providers whose records wait for this validator need the grace, too, after it was away.
    const isBack = nowMs - startedMs >= graceMs;
    const { recorded, expired } = store.read(() => ({
      recorded: listReplies(store, 'recorded', PER_TICK),
      expired: isBack ? listExpired(store, nowMs - graceMs, PER_TICK) : [],
    }));
    await Promise.all([...recorded.map(select), ...expired.map((id) => decide(id, { verdict: 'abandoned' }))]);
    for (const replyId of store.read(() => listReplies(store, 'auditing', concurrency + running.size))) {
      const key = toHex(replyId);
      if (running.size >= concurrency || signal.aborted) break;
      if (running.has(key)) continue;
      const work = audit(replyId)
        .catch((error: unknown) => {
          if (!signal.aborted) onError(error, replyId);
        })
        .finally(() => running.delete(key));
      running.set(key, work);
    }
  }

  async function audit(replyId: Uint8Array): Promise<void> {
    const row = find(replyId);
    if (row?.state !== 'auditing' || row.beaconEpoch === undefined || row.deadlineMs === undefined) return;
    const claim = toClaim(row);
    const judged = {
      claim,
      signed: row.signedRecord as NonNullable<ReplyRow['signedRecord']>,
      validator: verdicts.validator,
      draw: readDraw(replyId, row.beaconEpoch),
      allowFixedVerifier: fixedVerifier !== undefined,
    };
    const bytes = row.opening ?? (await fetchOpening(row, judged));
    if (signal.aborted) return;
    const { beaconEpoch } = row;
    if (bytes === undefined) {
      const evidence = { kind: 'withheld' } as const;
      return decide(replyId, { judgement: judge(crypto, judged, evidence), evidence, beaconEpoch });
    }
    const opened = openReply(crypto, claim.record, bytes) as Opened;
    if (opened.outcome === 'consistent') await askVerifiers(row, judged, opened);
    if (signal.aborted) return;
    const latest = find(replyId);
    if (latest?.state !== 'auditing') return;
    const evidence: AuditEvidence = {
      kind: 'audit',
      opening: bytes,
      candidates: latest.candidates ? parseCandidates(latest.candidates) : [],
      attempts: store
        .read(() => listAttempts(store, replyId))
        .map(({ verifierId, signed }) => ({ verifierId, signed })),
    };
    const judgement: Judgement = judge(crypto, judged, evidence);
    await decide(replyId, { judgement, evidence, beaconEpoch });
  }

  /** Asks again until the window closes: a provider may be restarting, and an opening that is none counts as none. */
  async function fetchOpening(
    { replyId, deadlineMs = 0 }: ReplyRow,
    { claim }: Judged,
  ): Promise<Uint8Array | undefined> {
    while (!signal.aborted) {
      const leftMs = deadlineMs - clock.nowMs();
      if (leftMs <= 0) return undefined;
      const provider: Announcement | undefined = store.read(() => readAnnouncement(store, claim.order.providerId));
      const call = { timeoutMs: Math.min(callTimeoutMs, leftMs), signal };
      const bytes = provider && (await getOpening(provider, replyId, call).catch(reportTo(replyId)));
      const opened = bytes && openReply(crypto, claim.record, bytes);
      if (bytes !== undefined && opened !== undefined && opened.outcome !== 'nothing') {
        await group.write((db) => keepOpening(db, replyId, bytes));
        return bytes;
      }
      await pause(leftMs);
      if (find(replyId)?.state !== 'auditing') return undefined;
    }
    return undefined;
  }

  function reportTo(replyId: Uint8Array): (error: unknown) => undefined {
    return (error) => {
      onError(error, replyId);
      return undefined;
    };
  }

  async function pause(leftMs: number): Promise<void> {
    await delay(Math.max(1, Math.min(retryMs, leftMs)), undefined, { signal }).catch(() => undefined);
  }

  /** One verifier after the other, until their reports decide, nobody is left, or the window closes. */
  async function askVerifiers(
    row: ReplyRow,
    judged: Judged & { readonly claim: ReturnType<typeof toClaim> },
    opened: Opened,
  ): Promise<void> {
    const { replyId, deadlineMs = 0 } = row;
    while (!signal.aborted) {
      const leftMs = deadlineMs - clock.nowMs();
      const current = find(replyId);
      if (current?.state !== 'auditing') return;
      const attempts = store.read(() => listAttempts(store, replyId));
      const verdicts = weigh(judged, opened, attempts);
      const candidates = await freezeCandidates(current, judged);
      const tried = attempts.map(({ verifierId }) => verifierId);
      const isFixedTurn = fixedVerifier !== undefined && attempts.length === 0;
      const next = isFixedTurn ? undefined : drawVerifier(crypto, judged, candidates, tried);
      const canAskAnother = leftMs > 0 && attempts.length < MAX_ATTEMPTS && (isFixedTurn || next !== undefined);
      if (verdicts.length > 0 && combineReports(verdicts, canAskAnother).decision !== 'ask-another') return;
      if (leftMs <= 0 || attempts.length >= MAX_ATTEMPTS) return;
      if (isFixedTurn) await ask(row, judged, opened, { attempt: 0, peer: fixedVerifier as Peer, leftMs });
      else if (next !== undefined) {
        const peer = findVerifierPeer(next);
        await ask(row, judged, opened, { attempt: attempts.length, peer, candidate: next, leftMs });
      } else if (candidates.length > 0) return;
      else await pause(leftMs);
    }
  }

  function weigh(judged: Judged, opened: Opened, attempts: readonly AttemptRow[]) {
    return attempts.flatMap(({ verifierId, signed }, attempt) => {
      if (signed === undefined) return [];
      const keyHash = hashHybridKey(crypto, signed.verifierKey);
      const candidate = { providerId: verifierId, payee: new Uint8Array(20), keyHash };
      const read = readReport(crypto, judged, opened, { candidate, attempt, signed });
      return 'report' in read ? [weighReport(crypto, judged, opened, read.report)] : [];
    });
  }

  /** Drawn from one list until the verdict, so that a co-signer can repeat the draw; frozen once it has somebody. */
  async function freezeCandidates(row: ReplyRow, judged: Judged & { claim: ReturnType<typeof toClaim> }) {
    if (row.candidates) return parseCandidates(row.candidates);
    const { draw, claim } = judged;
    if (draw === undefined) return [];
    const { modelRoot, providerId: serverId } = claim.order;
    const query = { modelRoot, serverId, salt: draw.beacon, nowMs: clock.nowMs() };
    const candidates = store.read(() => listCandidates(store, crypto, query));
    if (drawVerifier(crypto, judged, candidates, []) === undefined) return [];
    await group.write((db) => keepCandidates(db, row.replyId, encodeCandidates(candidates)));
    return candidates;
  }

  /** Where the verifier is now, provided that it still signs with the key that it was drawn for. */
  function findVerifierPeer({ providerId, keyHash }: EvidenceCandidate): Peer | undefined {
    const verifier = store.read(() => readAnnouncement(store, providerId))?.verifier;
    return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
  }

  async function ask(
    { replyId, submission }: ReplyRow,
    judged: Judged & { readonly claim: ReturnType<typeof toClaim> },
    opened: Opened,
    asked: { attempt: number; peer: Peer | undefined; candidate?: EvidenceCandidate; leftMs: number },
  ): Promise<void> {
    const { attempt, peer, leftMs } = asked;
    const timeoutMs = Math.min(callTimeoutMs, leftMs);
    let row: AttemptRow;
    try {
      if (peer === undefined) throw new Error('the verifier no longer announces itself');
      const job = createJob(judged, opened, submission as NonNullable<ReplyRow['submission']>, attempt, timeoutMs);
      const { report, verifierKey, signature } = await score(peer, job, { timeoutMs, signal });
      const signed = { report, verifierKey, signature };
      const candidate = asked.candidate ?? toFixedCandidate(hashHybridKey(crypto, verifierKey));
      const read = readReport(crypto, judged, opened, { candidate, attempt, signed });
      row =
        'report' in read
          ? { verifierId: candidate.providerId, outcome: 'report', signed }
          : { verifierId: candidate.providerId, outcome: 'garbage', signed: undefined };
      if ('problem' in read) onError(new Error(`a verifier's report is none: ${read.problem}`), replyId);
    } catch (error) {
      if (signal.aborted) return;
      onError(error, replyId);
      row = { verifierId: asked.candidate?.providerId ?? new Uint8Array(32), outcome: 'silent', signed: undefined };
    }
    await group.write((db) => {
      keepAttempt(db, replyId, attempt, row);
      if (row.outcome !== 'report') markVerifier(db, row.verifierId, row.outcome);
    });
  }

  function createJob(
    { claim: { order, header } }: Judged & { readonly claim: ReturnType<typeof toClaim> },
    { replay }: Opened,
    submission: NonNullable<ReplyRow['submission']>,
    attempt: number,
    timeoutMs: number,
  ): ScoreJob {
    const outputTokens = new Uint8Array(replay.outputTokens.length * 4);
    const view = new DataView(outputTokens.buffer);
    for (const [i, token] of replay.outputTokens.entries()) view.setUint32(4 * i, token, true);
    return {
      jobId: computeJobId(crypto, { validator: verdicts.validator, replyId: order.replyId, attempt }),
      request: submission.request,
      endpoint: submission.endpoint,
      header: submission.header,
      outputTokens,
      listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
      sketchBankSeed: header.sketchBankSeed,
      timeoutMs,
    };
  }

  return {
    tick,
    async idle() {
      while (running.size > 0) await Promise.all(running.values());
    },
    async stop() {
      stopping.abort();
      await Promise.all(running.values());
    },
  };
}
