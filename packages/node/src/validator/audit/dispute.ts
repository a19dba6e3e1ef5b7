import type { Peer } from '@ogong/host/link/link-pool';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { TraceClaimRequest, TraceReplyRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findModality } from '@ogong/protocol/modality/registry';
import { type Header, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, expandRuns, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { isSameFinding } from '@ogong/protocol/modality/text/read-report';
import { encodeScored } from '@ogong/protocol/modality/text/scored-reply';
import {
  computeStage,
  type DivergenceEvidence,
  describeStage,
  encodeDivergence,
  findFirstDivergence,
} from '@ogong/protocol/modality/text/stage2/divergence';
import { locateDivergence } from '@ogong/protocol/modality/text/stage2/locate-divergence';
import { parseScoreReport, type ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { parseTraceReport, type SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import { verifyDivergence } from '@ogong/protocol/modality/text/stage2/verify-divergence';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { opensDispute } from '@ogong/protocol/tier/outcome';
import type { Submission } from '@ogong/protocol/verdict/claim';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { readAnnouncement } from '../store/announcement-store.ts';
import { type DivergenceRow, keepDivergence } from '../store/divergence-store.ts';
import { readReply } from '../store/reply-store.ts';
import { computeCallTimeout, createScoreJob, type ScoreJobMessage, type VerifierCallOptions } from './verifier-call.ts';

type Bare<T> = Omit<T, '$typeName' | '$unknown'>;

export interface TraceCalls {
  readonly provider: (
    provider: Peer,
    query: Bare<TraceReplyRequest>,
    options: VerifierCallOptions,
  ) => Promise<SignedTrace>;
  readonly verifier: (
    verifier: Peer,
    query: Bare<Omit<TraceClaimRequest, 'job'>> & { readonly job: ScoreJobMessage },
    options: VerifierCallOptions,
  ) => Promise<SignedTrace>;
}

export interface DisputeDependencies {
  readonly crypto: Crypto;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: TraceCalls;
  readonly fixedVerifier: Peer | undefined;
  /** Longest wait for one trace. */
  readonly callTimeoutMs: number;
  readonly onLocated?: (replyId: Uint8Array, row: DivergenceRow) => void;
  readonly onError?: (error: unknown, replyId: Uint8Array) => void;
}

export interface Disputes {
  /** Starts a dispute if the verdict calls for one. The verdict itself does not wait for it. */
  notice(entry: Pick<VerdictEntry, 'replyId' | 'verdict'>): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** Rejects are rare. In a flood of them, disputes come later or not at all. */
const MAX_WAITING = 64;

/**
 * Runs after a reject in a tier with disputes. Asks provider and verifier for a trace of the first position where they differ,
 * asks the next verifier that reported to confirm it, and stores the evidence. A dispute that a restart interrupts is not
 * resumed: the verdict stands without it.
 */
export function createDisputes(dependencies: DisputeDependencies): Disputes {
  const { crypto, store, group, calls, fixedVerifier, callTimeoutMs } = dependencies;
  const { onLocated = () => {}, onError = () => {} } = dependencies;
  const stopping = new AbortController();
  /** Rows before the position are computed in their own passes. */
  const timeoutOf = ({ shapeClasses }: Dispute, position: number): number =>
    computeCallTimeout(shapeClasses.subarray(0, position + 1), { callTimeoutMs, mostMs: 2 * callTimeoutMs });
  const { signal } = stopping;
  let waiting = 0;
  let work = Promise.resolve();

  function findVerifier({ verifierId, keyHash }: VerifierFinding): Peer {
    const announced = store.read(() => readAnnouncement(store, verifierId))?.verifier;
    if (announced && equalBytes(announced.keyHash, keyHash)) return announced;
    if (fixedVerifier && equalBytes(verifierId, keyHash)) return fixedVerifier;
    throw new Error('the verifier no longer announces itself');
  }

  function askVerifier(dispute: Dispute, reported: VerifierFinding, position: number): Promise<SignedTrace> {
    const { submission, header, record, outputTokens, listSizes, shapeClasses } = dispute;
    const { request, endpoint } = submission;
    const jobId = crypto.sha256(record, reported.keyHash).slice(0, 16);
    const timeoutMs = timeoutOf(dispute, position);
    // A trace looks at values, not at draws.
    const scored = { endpoint, header, outputTokens, listSizes, shapeClasses, tailDraws: new Map() };
    const job = createScoreJob({ jobId, request, timeoutMs }, encodeScored(scored));
    return calls.verifier(findVerifier(reported), { job, record, position }, { timeoutMs, signal });
  }

  async function askProvider(dispute: Dispute, position: number): Promise<SignedTrace> {
    const { submission, record, providerId } = dispute;
    const provider = store.read(() => readAnnouncement(store, providerId));
    if (provider === undefined) throw new Error('the provider does not announce itself');
    const { request, endpoint } = submission;
    const timeoutMs = timeoutOf(dispute, position);
    return calls.provider(provider, { record, request, endpoint, position, timeoutMs }, { timeoutMs, signal });
  }

  function locate(
    replyId: Uint8Array,
    dispute: Dispute,
    verifier: VerifierFinding,
  ): Promise<DivergenceEvidence | undefined> {
    const { record, header, opening, providerId } = dispute;
    return locateDivergence(
      crypto,
      {
        ...{ record, header, providerId },
        claimed: opening.windows,
        rerun: verifier.report.windows,
        verifierKeyHash: verifier.keyHash,
      },
      {
        provider: (position) => askProvider(dispute, position),
        verifier: (position) => askVerifier(dispute, verifier, position),
        onError: (_side, error) => onError(error, replyId),
      },
    );
  }

  async function look(replyId: Uint8Array): Promise<void> {
    const dispute = store.read(() => readDispute(crypto, store, replyId));
    if (dispute === undefined) return;
    const { record, opening, providerId, reports } = dispute;
    let evidence: DivergenceEvidence | undefined;
    let others = reports;
    while (evidence === undefined && others.length > 0 && !stopping.signal.aborted) {
      const [verifier, ...rest] = others as [VerifierFinding, ...VerifierFinding[]];
      others = rest;
      evidence = await locate(replyId, dispute, verifier);
    }
    const [confirming] = others;
    if (evidence === undefined || stopping.signal.aborted) return;
    const answer =
      confirming &&
      (await askVerifier(dispute, confirming, evidence.position).catch((error: unknown) => {
        onError(error, replyId);
        return undefined;
      }));
    const third = answer ? { report: answer.report, key: answer.key, signature: answer.signature } : undefined;
    const verdict = third && verifyDivergence(crypto, evidence, { disputed: { providerId, record, opening }, third });
    const count = parseTraceReport(evidence.verifier.report).stages.length;
    const stage = verdict?.stage ?? (verdict === undefined ? computeStage(evidence) : undefined);
    const row: DivergenceRow = {
      evidence: encodeDivergence(evidence),
      third,
      side: verdict?.side ?? 'unproven',
      layer: stage === undefined ? undefined : describeStage(stage, count),
    };
    await group.write((db) => keepDivergence(db, replyId, row));
    onLocated(replyId, row);
  }

  return {
    notice({ replyId, verdict }) {
      if (verdict !== 'reject' || waiting >= MAX_WAITING || stopping.signal.aborted) return;
      waiting++;
      work = work
        .then(() => (stopping.signal.aborted ? undefined : look(replyId)))
        .catch((error: unknown) => onError(error, replyId))
        .finally(() => {
          waiting--;
        });
    },
    idle: () => work,
    async stop() {
      stopping.abort();
      await work;
    },
  };
}

interface VerifierFinding {
  readonly verifierId: Uint8Array;
  readonly keyHash: Uint8Array;
  readonly report: ScoreReport;
}

interface Dispute {
  readonly record: Uint8Array;
  readonly providerId: Uint8Array;
  readonly submission: Submission;
  readonly header: Header;
  readonly opening: Opening;
  readonly outputTokens: Uint32Array;
  readonly listSizes: Uint8Array;
  readonly shapeClasses: Uint8Array;
  /** In the provider's exact class, and different from what was committed; at least one, by different keys, and alike if several. */
  readonly reports: readonly VerifierFinding[];
}

/** These bytes were checked before the verdict. */
function readDispute(crypto: Crypto, store: Store, replyId: Uint8Array): Dispute | undefined {
  const row = readReply(store, replyId);
  if (row?.evidence === undefined || row.submission === undefined || row.signedRecord === undefined) return undefined;
  const evidence = parseEvidence(row.evidence);
  if (evidence.kind !== 'audit' || findModality(row.submission.endpoint).name !== 'text') return undefined;
  const opening = parseOpening(evidence.opening);
  const header = parseHeader(opening.header);
  if (!opensDispute(header.tier)) return undefined;
  const seen = new Set<string>();
  const reports = evidence.attempts.flatMap(({ verifierId, committed, opened }) => {
    if (committed === undefined || opened === undefined) return [];
    const keyHash = hashHybridKey(crypto, committed.verifierKey);
    const report = parseScoreReport(opened.report);
    const isExact = report.exact && report.numericClass === header.numericClass;
    if (!isExact || findFirstDivergence(header, opening.windows, report.windows) === undefined) return [];
    if (seen.has(toHex(keyHash))) return [];
    seen.add(toHex(keyHash));
    return [{ verifierId, keyHash, report }];
  });
  // A report that others contradict must not blame anybody.
  const agreeing = findAgreeing(reports);
  if (agreeing.length === 0) return undefined;
  const windows = opening.windows.map(({ draws }) => decodeDraws(draws, header));
  const rows = windows.flatMap((window) => window.rows);
  return {
    record: row.signedRecord.record,
    providerId: parseOrder(row.orderBytes).providerId,
    submission: row.submission,
    header,
    opening,
    outputTokens: Uint32Array.from(rows, tokenOf),
    listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
    shapeClasses: Uint8Array.from(windows.flatMap(({ runs }) => expandRuns(runs))),
    reports: agreeing,
  };
}

/** The largest group of bit-identical reports; the first report if no two are identical. */
function findAgreeing(reports: readonly VerifierFinding[]): readonly VerifierFinding[] {
  const groups = reports.map(({ report }) => reports.filter((other) => isSameFinding(report, other.report)));
  return groups.reduce<readonly VerifierFinding[]>((best, group) => (group.length > best.length ? group : best), []);
}
