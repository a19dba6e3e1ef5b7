import { assignVerifier } from '@ogong/protocol/audit';
import { createReader, createWriter, equalBytes, toHex } from '@ogong/protocol/bytes';
import { encodeDomain } from '@ogong/protocol/canonical';
import type { Crypto } from '@ogong/protocol/crypto';
import { parseHeader } from '@ogong/protocol/header';
import { parseScoreReport } from '@ogong/protocol/score-report';
import type { Clock } from '../../clock.ts';
import type { Peer } from '../../shared/link-pool.ts';
import type { GroupCommit } from '../../store/group-commit.ts';
import type { Store } from '../../store/store.ts';
import { listCandidates, readAnnouncement } from './announcement-store.ts';
import { judgeHoneypot, type KnownAnswer, type Planted, plantBad, plantGood } from './honeypot.ts';
import {
  type AnswerRow,
  addSeenBy,
  closeHoneypot,
  type HoneypotRow,
  keepHoneypotCommitment,
  listAnswers,
  putHoneypot,
  readAnswer,
} from './honeypot-store.ts';
import { askToCommit, askToReveal, createScoreJob, type VerifierCalls } from './verifier-call.ts';
import { computeJobId, computeJobNonce } from './verifier-draw.ts';
import type { Questioned } from './verifier-rounds.ts';
import { recordVerifier, type VerifierEvent } from './verifier-store.ts';

export interface HoneypotOptions {
  /** 20 bytes, of this validator. */
  readonly validator: Uint8Array;
  /** How many real jobs bring a honeypot along, parts per million. */
  readonly honeypotPpm: number;
  readonly windowMs: number;
  readonly callTimeoutMs: number;
}

export interface HoneypotDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly calls: VerifierCalls;
  readonly jobSecret: Uint8Array;
  readonly signal: AbortSignal;
  readonly pause: (leftMs: number) => Promise<void>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
}

const HONEYPOT_DOMAIN = encodeDomain('ogong-honeypot-v1');
const PPM = 1_000_000;

/** Jobs whose answer is known, sent as any other, in the moment of another (docs/adr/0007-verifier-audits.md). */
export function createHoneypots(options: HoneypotOptions, dependencies: HoneypotDependencies) {
  const { validator, honeypotPpm, windowMs, callTimeoutMs } = options;
  const { crypto, clock, store, group, calls, jobSecret, signal, pause, onError } = dependencies;

  /**
   * A honeypot to go with a reply's first job: about another reply under the same sketch bank, which is all that a job
   * says about its age.
   */
  function plan({ draw, claim }: Questioned): HoneypotRow | undefined {
    const { replyId, modelRoot } = claim.order;
    const bytes = createWriter().bytes(HONEYPOT_DOMAIN).bytes(jobSecret, 32).bytes(replyId, 16).finish();
    const seed = crypto.sha256(bytes);
    const reader = createReader(seed);
    const [chance, choice] = [reader.u32(), reader.u32()];
    if (draw === undefined || chance % PPM >= honeypotPpm) return undefined;
    const ids = store.read(() => listAnswers(store, modelRoot, claim.header.sketchBankSeed));
    const id = crypto.sha256(seed).slice(0, 16);
    for (let i = 0; i < ids.length; i++) {
      const answer = store.read(() => readAnswer(store, ids[(choice + i) % ids.length] as Uint8Array));
      if (answer === undefined || equalBytes(answer.replyId, replyId)) continue;
      const verifier = drawFor(answer, { ...draw, replyId: id });
      if (verifier === undefined) continue;
      const { providerId: verifierId, keyHash } = verifier;
      const deadlineMs = clock.nowMs() + windowMs;
      const isBad = (reader.u8() & 1) === 1;
      return { id, replyId: answer.replyId, verifierId, keyHash, isBad, deadlineMs, committed: undefined };
    }
    return undefined;
  }

  /** As for a reply, among those who have not seen this one. */
  function drawFor({ modelRoot, providerId, header, seenBy }: AnswerRow, draw: NonNullable<Questioned['draw']>) {
    const query = { modelRoot, serverId: providerId, salt: draw.beacon, nowMs: clock.nowMs() };
    const candidates = store.read(() => listCandidates(store, crypto, query));
    return assignVerifier(crypto, {
      draw,
      modelRoot,
      server: { providerId, payee: parseHeader(header).payee },
      candidates: candidates.map((candidate) => ({ ...candidate, modelRoot })),
      tried: seenBy,
      heard: seenBy,
    });
  }

  /** Inside the transaction that starts the real job. */
  function put(db: Store, row: HoneypotRow): void {
    putHoneypot(db, row);
    const answer = readAnswer(db, row.replyId);
    if (answer) addSeenBy(db, row.replyId, [row.verifierId, findOperator(db, answer, row.verifierId)]);
  }

  function findOperator(db: Store, { modelRoot, providerId }: AnswerRow, verifierId: Uint8Array): Uint8Array {
    const query = { modelRoot, serverId: providerId, salt: verifierId, nowMs: clock.nowMs() };
    const found = listCandidates(db, crypto, query).find((one) => equalBytes(one.providerId, verifierId));
    return found?.operator ?? verifierId;
  }

  function plant(row: HoneypotRow, answer: KnownAnswer): Planted {
    const seed = crypto.sha256(jobSecret, row.id);
    return (row.isBad ? plantBad(crypto, answer, seed) : undefined) ?? plantGood(answer);
  }

  /** From wherever it was left. */
  async function run(row: HoneypotRow): Promise<void> {
    const { id, verifierId, keyHash } = row;
    const stored = store.read(() => readAnswer(store, row.replyId));
    const leftMs = row.deadlineMs - clock.nowMs();
    if (stored === undefined || leftMs <= 0) return close(row, 'dropped');
    const answer: KnownAnswer = { header: parseHeader(stored.header), report: parseScoreReport(stored.report) };
    const planted = plant(row, answer);
    const { rows, outputTokens, shapeClasses } = planted;
    const nonce = computeJobNonce(crypto, { secret: jobSecret, replyId: id, attempt: 0 });
    const jobId = computeJobId(crypto, { validator, replyId: id, attempt: 0, nonce });
    const { request, endpoint, modelRoot } = stored;
    const { header } = answer;
    const listSizes = Uint8Array.from(rows, ({ ids }) => ids.length);
    const job = createScoreJob({
      ...{ jobId, request, endpoint, header, outputTokens, listSizes, shapeClasses },
      timeoutMs: callTimeoutMs,
    });
    const call = { timeoutMs: Math.min(callTimeoutMs, leftMs), signal };
    const peer = findPeer(row);
    let { committed } = row;
    if (committed === undefined) {
      const bound = await askToCommit(crypto, calls, { peer, keyHash }, job, call);
      if (bound.outcome !== 'answered') return close(row, bound.outcome, bound.error);
      committed = bound.value;
      await group.write((db) => keepHoneypotCommitment(db, id, bound.value));
    }
    const replay = { header, rows, outputTokens: Uint32Array.from(outputTokens), shapeClasses, checks: [] };
    const opened = await askToReveal(
      crypto,
      calls,
      { peer },
      {
        jobId,
        committed,
        round: [committed.digest],
        subject: { modelRoot, header, replay },
        pause: () => pause(leftMs),
      },
      call,
    );
    if (opened.outcome !== 'answered') return close(row, opened.outcome, opened.error);
    const outcome = judgeHoneypot(crypto, answer, planted, parseScoreReport(opened.value.report));
    const reason = new Error(`verifier ${toHex(verifierId)} failed a honeypot`);
    return close(row, outcome, outcome === 'failed' ? reason : undefined);
  }

  async function close(
    row: HoneypotRow,
    outcome: 'passed' | 'failed' | 'unclear' | 'garbage' | 'silent' | 'dropped',
    error?: unknown,
  ): Promise<void> {
    if (signal.aborted) return;
    if (error !== undefined) onError(error, row.replyId);
    const nowMs = clock.nowMs();
    await group.write((db) => {
      if (!closeHoneypot(db, row.id, outcome)) return;
      const event = EVENTS[outcome];
      const why = { nowMs, deferMs: callTimeoutMs, reason: outcome === 'failed' ? 'failed a honeypot' : outcome };
      if (event) recordVerifier(db, row.verifierId, event, why);
    });
  }

  function findPeer({ verifierId, keyHash }: HoneypotRow): Peer | undefined {
    const verifier = store.read(() => readAnnouncement(store, verifierId))?.verifier;
    return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
  }

  return { plan, put, run };
}

const EVENTS: Readonly<Record<string, VerifierEvent>> = {
  passed: 'counted',
  unclear: 'opened',
  failed: 'refuted',
  garbage: 'garbage',
  silent: 'silent',
};
