import type { Peer } from '@ogong/host/link/link-pool';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { assignVerifier } from '@ogong/protocol/audit/audit';
import { createReader, createWriter, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { readScoreReport } from '@ogong/protocol/modality/text/read-report';
import { encodeScored, hashScored } from '@ogong/protocol/modality/text/scored-reply';
import { fillRound } from '@ogong/protocol/modality/text/stage2/score-commitment';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { isText } from '@ogong/protocol/modality/text/text';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import type { ReportSubject } from '@ogong/protocol/verdict/report-check';
import { computeJobId, computeJobNonce } from '@ogong/protocol/verdict/verifier-draw';
import { readAnnouncement } from '../store/announcement-store.ts';
import {
  closeHoneypot,
  type HoneypotRow,
  keepHoneypotCommitment,
  keepHoneypotReport,
  readAnswer,
} from '../store/honeypot-store.ts';
import { readReply, toClaim } from '../store/reply-store.ts';
import { recordVerifier, type VerifierEvent } from '../store/verifier-store.ts';
import { judgeHoneypot, plantBad } from './honeypot.ts';
import { computeLacking, createReserve, type ReserveDependencies } from './honeypot-reserve.ts';
import { askToCommit, askToReveal, computeCallTimeout, createScoreJob, type VerifierCalls } from './verifier-call.ts';

export interface HoneypotOptions {
  /** 20 bytes, of this validator. */
  readonly validator: Uint8Array;
  /** Honeypots per audit, parts per million. */
  readonly honeypotPpm: number;
  readonly pairPpm: number;
  readonly callTimeoutMs: number;
  /** The delay from selection to the first call, computed from an id. */
  readonly computeDelay: (id: Uint8Array) => number;
  /** The drift table for verifiers of other classes; fixed limits where it has no row. */
  readonly drift?: DriftPolicy | undefined;
  readonly alphaPpm: () => number;
  /** How long a honeypot may take. */
  readonly windowMs: number;
}

export interface HoneypotDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Passes while this validator can act. */
  readonly awake: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: VerifierCalls;
  readonly getOpening: ReserveDependencies['getOpening'];
  readonly stakeOf: ReserveDependencies['stakeOf'];
  readonly jobSecret: Uint8Array;
  readonly signal: AbortSignal;
  readonly pause: (leftMs: number) => Promise<void>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
}

const HONEYPOT_DOMAIN = encodeDomain('ogong-honeypot-v2');
const MAX_PER_REPLY = 2;
const NO_ROW = { q: new Uint32Array(0), tail: 0, rank: 0 };

/** Jobs with a known answer, sent like any other job (docs/adr/0007-verifier-audits.md). */
export function createHoneypots(options: HoneypotOptions, dependencies: HoneypotDependencies) {
  const { validator, honeypotPpm, pairPpm, callTimeoutMs, windowMs, computeDelay, drift, alphaPpm } = options;
  const { crypto, clock, awake, store, group, calls, jobSecret, signal, pause, onError } = dependencies;

  const reserve = createReserve(options, dependencies);

  /**
   * Plans honeypots that the reserve cannot give, from a reply that two verifiers will score. Each goes to a verifier of
   * another operator, at a random moment as any job, so that neither its time nor its age gives it away.
   * @param pair the candidates of the first round.
   */
  function plan(
    { draw, claim }: AuditContext,
    { reply }: OpenedReply,
    {
      candidates,
      pair,
      selectedMs,
      deadlineMs,
    }: {
      readonly candidates: readonly EvidenceCandidate[];
      readonly pair: readonly EvidenceCandidate[];
      readonly selectedMs: number;
      readonly deadlineMs: number;
    },
  ): HoneypotRow[] {
    const { replyId, modelRoot, providerId } = claim.order;
    if (draw === undefined || pair.length < 2 || !isText(reply)) return [];
    const { replay } = reply;
    const asked = [...pair];
    const planned: HoneypotRow[] = [];
    for (let number = 0; number < MAX_PER_REPLY; number++) {
      const writer = createWriter().bytes(HONEYPOT_DOMAIN).bytes(jobSecret, 32).bytes(replyId, 16).u8(number);
      const seed = crypto.sha256(writer.finish());
      const reader = createReader(seed);
      const wanted = computeLacking(honeypotPpm, alphaPpm()) / pairPpm - number;
      if (reader.u32() / 2 ** 32 >= wanted) break;
      const id = crypto.sha256(seed).slice(0, 16);
      const verifier = assignVerifier(crypto, {
        draw: { ...draw, replyId: id },
        modelRoot,
        server: { providerId, payee: claim.header.payee },
        candidates: candidates.map((candidate) => ({ ...candidate, modelRoot })),
        tried: asked.map((one) => one.providerId),
        heard: asked.map((one) => one.operator),
      });
      if (verifier === undefined) break;
      asked.push(verifier);
      const isBad = (reader.u8() & 1) === 1;
      const plain = { outputTokens: replay.rows.map(tokenOf), position: undefined };
      planned.push({
        ...(isBad ? plantBad(crypto, replay.rows, seed) : plain),
        id,
        replyId,
        verifierId: verifier.providerId,
        keyHash: verifier.keyHash,
        listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
        shapeClasses: replay.shapeClasses,
        tailDraws: replay.tailDraws,
        askAtMs: selectedMs + computeDelay(id),
        deadlineMs,
        committed: undefined,
        opened: undefined,
      });
    }
    return planned;
  }

  /** Continues a honeypot from where it was, as far as possible now. */
  async function run(row: HoneypotRow): Promise<void> {
    const opened = row.opened ?? (await ask(row));
    if (opened === undefined || signal.aborted) return;
    const committed = reserve.readCommitted(row.replyId);
    if (committed) {
      const { outcome, by } = judgeHoneypot(crypto, committed, row, parseScoreReport(opened.report), drift);
      if (outcome !== 'failed') return close(row, outcome);
      const settled = await reserve.settle({ ...row, opened });
      return settled && close(row, settled, settled === 'failed' ? blame(row, by) : undefined);
    }
    const { report: known, isDecided } = store.read(() => readAnswer(store, row.replyId));
    if (known === undefined) return isDecided ? close(row, 'dropped') : undefined;
    const header = store.read(() => readReply(store, row.replyId))?.submission && readClaim(row).header;
    if (header === undefined || !isTextHeader(header)) return close(row, 'dropped');
    const report = parseScoreReport(opened.report);
    const answer = { header, report: parseScoreReport(known) };
    const { outcome, by } = judgeHoneypot(crypto, answer, row, report, drift);
    return close(row, outcome, outcome === 'failed' ? blame(row, by) : undefined);
  }

  function readClaim({ replyId }: HoneypotRow) {
    return toClaim(store.read(() => readReply(store, replyId)) as NonNullable<ReturnType<typeof readReply>>);
  }

  /** The same timeout as a real job's. */
  const timeoutOf = ({ shapeClasses }: HoneypotRow): number =>
    computeCallTimeout(shapeClasses, { callTimeoutMs, mostMs: Math.ceil(windowMs / 3) });

  async function ask(row: HoneypotRow) {
    const { id, keyHash, outputTokens, listSizes, shapeClasses, tailDraws } = row;
    const submission = store.read(() => readReply(store, row.replyId))?.submission;
    const leftMs = row.deadlineMs - clock.nowMs();
    if (submission === undefined || leftMs <= 0) {
      await close(row, 'dropped');
      return undefined;
    }
    const { header, record } = readClaim(row);
    // Honeypots are made of texts alone.
    if (!isTextHeader(header)) {
      await close(row, 'dropped');
      return undefined;
    }
    const nonce = computeJobNonce(crypto, { secret: jobSecret, replyId: id, attempt: 0 });
    const jobId = computeJobId(crypto, { validator, replyId: id, attempt: 0, nonce });
    const { request, endpoint } = submission;
    const scored = { endpoint, header, outputTokens, listSizes, shapeClasses, tailDraws };
    const timeoutMs = timeoutOf(row);
    const job = createScoreJob({ jobId, request, timeoutMs }, encodeScored(scored));
    const call = { timeoutMs: Math.min(timeoutMs, leftMs), signal };
    const peer = findPeer(row);
    let { committed } = row;
    if (committed === undefined) {
      const bound = await askToCommit(crypto, calls, { peer, keyHash }, job, call);
      if (bound.outcome !== 'answered') {
        await close(row, bound.outcome, bound.error);
        return undefined;
      }
      committed = bound.value;
      await group.write((db) => keepHoneypotCommitment(db, id, bound.value));
    }
    const round = fillRound(crypto, [committed.digest], nonce);
    const rows = Array.from(listSizes, (size) => ({ ...NO_ROW, ids: new Uint32Array(size) }));
    const replay = { checks: [], header, rows, outputTokens: Uint32Array.from(outputTokens), shapeClasses, tailDraws };
    const inputsHash = hashScored(crypto, crypto.sha256(request), scored);
    const { modelRoot } = record;
    const subject: ReportSubject = {
      inputsHash,
      read: (bytes, job) => readScoreReport(bytes, { ...job, modelRoot, header, replay }),
    };
    const startMs = awake.nowMs();
    const isOver = (): boolean => awake.nowMs() - startMs >= call.timeoutMs;
    const what = { jobId, committed, round, subject, pause: () => pause(leftMs), isOver };
    const answer = await askToReveal(crypto, calls, { peer }, what, call);
    if (answer.outcome !== 'answered') {
      await close(row, answer.outcome, answer.error);
      return undefined;
    }
    await group.write((db) => keepHoneypotReport(db, id, answer.value));
    return answer.value;
  }

  async function close(row: HoneypotRow, outcome: Outcome, error?: unknown): Promise<void> {
    if (signal.aborted) return;
    if (error !== undefined) onError(error, row.replyId);
    const nowMs = clock.nowMs();
    await group.write((db) => {
      if (!closeHoneypot(db, row.id, outcome)) return;
      const event = EVENTS[outcome];
      const why = { nowMs, deferMs: timeoutOf(row), reason: outcome === 'failed' ? 'failed a honeypot' : outcome };
      if (event) recordVerifier(db, row.verifierId, event, why);
    });
  }

  function findPeer({ verifierId, keyHash }: HoneypotRow): Peer | undefined {
    const verifier = store.read(() => readAnnouncement(store, verifierId))?.verifier;
    return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
  }

  return { plan, run, offer: reserve.offer, gather: reserve.gather };
}

const blame = ({ verifierId }: HoneypotRow, by: string): Error =>
  new Error(`verifier ${toHex(verifierId)} failed a honeypot (${by})`);

type Outcome = 'passed' | 'failed' | 'unclear' | 'garbage' | 'silent' | 'dropped';

/** An outcome that proves nothing earns no credit. */
const EVENTS: Readonly<Partial<Record<Outcome, VerifierEvent>>> = {
  passed: 'counted',
  failed: 'refuted',
  garbage: 'garbage',
  silent: 'silent',
};
