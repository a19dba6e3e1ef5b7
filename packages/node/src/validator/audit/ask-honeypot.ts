import type { Peer } from '@ogong/host/link/link-pool';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { readScoreReport } from '@ogong/protocol/modality/text/read-report';
import { encodeScored, hashScored } from '@ogong/protocol/modality/text/scored-reply';
import { fillRound } from '@ogong/protocol/modality/text/stage2/score-commitment';
import type { ReportSubject } from '@ogong/protocol/verdict/report-check';
import { computeJobId, computeJobNonce } from '@ogong/protocol/verdict/verifier-draw';
import { readAnnouncement } from '../store/announcement-store.ts';
import { type HoneypotRow, keepHoneypotCommitment, keepHoneypotReport } from '../store/honeypot-store.ts';
import { findReply } from '../store/reply-store.ts';
import { computeJobTimeout, finishHoneypot, type HoneypotState, readHoneypotClaim } from './honeypot-state.ts';
import { askToCommit, askToReveal, createScoreJob } from './verifier-call.ts';

const NO_ROW = { q: new Uint32Array(0), tail: 0, rank: 0 };

/** Asks the verifier to commit and to reveal. @returns undefined if it did not answer, which ends the honeypot. */
export async function askHoneypot(state: HoneypotState, row: HoneypotRow): Promise<HoneypotRow['opened']> {
  const { validator, crypto, clock, awake, store, group, calls, jobSecret, signal, pause } = state;
  const { id, keyHash, outputTokens, listSizes, shapeClasses, tailDraws } = row;
  const submission = findReply(state, row.replyId)?.submission;
  const leftMs = row.deadlineMs - clock.nowMs();
  if (submission === undefined || leftMs <= 0) {
    await finishHoneypot(state, row, 'dropped');
    return undefined;
  }
  const { header, record } = readHoneypotClaim(state, row);
  // Honeypots are made of texts alone.
  if (!isTextHeader(header)) {
    await finishHoneypot(state, row, 'dropped');
    return undefined;
  }
  const nonce = computeJobNonce(crypto, { secret: jobSecret, replyId: id, attempt: 0 });
  const jobId = computeJobId(crypto, { validator, replyId: id, attempt: 0, nonce });
  const { request, endpoint } = submission;
  const { modelRoot } = record;
  const { answer: blind } = computeBlinds(crypto, { body: request, replyId: record.replyId });
  const scored = { endpoint, modelRoot, blind, header, outputTokens, listSizes, shapeClasses, tailDraws };
  const timeoutMs = computeJobTimeout(state, row);
  const job = createScoreJob({ jobId, request, timeoutMs }, encodeScored(scored));
  const call = { timeoutMs: Math.min(timeoutMs, leftMs), signal };
  const peer = findHoneypotPeer(store, row);
  let { committed } = row;
  if (committed === undefined) {
    const bound = await askToCommit(crypto, calls, { peer, keyHash }, job, call);
    if (bound.outcome !== 'answered') {
      await finishHoneypot(state, row, bound.outcome, bound.error);
      return undefined;
    }
    committed = bound.value;
    await group.write((db) => keepHoneypotCommitment(db, id, bound.value));
  }
  const round = fillRound(crypto, [committed.digest], nonce);
  const rows = Array.from(listSizes, (size) => ({ ...NO_ROW, ids: new Uint32Array(size) }));
  const replay = { checks: [], header, rows, outputTokens: Uint32Array.from(outputTokens), shapeClasses, tailDraws };
  const inputsHash = hashScored(crypto, hashRequest(crypto, endpoint, request), scored);
  const subject: ReportSubject = {
    inputsHash,
    read: (bytes, job) => readScoreReport(bytes, { ...job, modelRoot, header, replay, contextSize: ALL_OF_IT }),
  };
  const startMs = awake.nowMs();
  const isOver = (): boolean => awake.nowMs() - startMs >= call.timeoutMs;
  const what = { jobId, committed, round, subject, pause: () => pause(leftMs), isOver };
  const answer = await askToReveal(crypto, calls, { peer }, what, call);
  if (answer.outcome !== 'answered') {
    await finishHoneypot(state, row, answer.outcome, answer.error);
    return undefined;
  }
  await group.write((db) => keepHoneypotReport(db, id, answer.value));
  return answer.value;
}

/** Only verifiers that announce enough room are given honeypots, so none may leave out the end. */
const ALL_OF_IT = 0xffffffff;

/** Where the verifier is now, provided that it still signs with the key that it was drawn for. */
function findHoneypotPeer(store: Store, { verifierId, keyHash }: HoneypotRow): Peer | undefined {
  const verifier = store.read(() => readAnnouncement(store, verifierId))?.verifier;
  return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
}
