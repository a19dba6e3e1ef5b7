import type { Peer } from '@ogong/host/link/link-pool';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { fillRound } from '@ogong/protocol/modality/text/stage2/score-commitment';
import type { EvidenceCandidate, OpenedReport } from '@ogong/protocol/verdict/evidence';
import { describePlanted } from '@ogong/protocol/verdict/honeypot';
import { computeJobId, computeJobNonce } from '@ogong/protocol/verdict/verifier-draw';
import { isAnnouncedAsListed, readAnnouncement } from '../store/announcement-store.ts';
import { listAttempts } from '../store/attempt-store.ts';
import { type HoneypotRow, keepHoneypotCommitment, keepHoneypotReport } from '../store/honeypot-store.ts';
import { findReply } from '../store/reply-store.ts';
import { computeJobTimeout, finishHoneypot, type HoneypotState, readHoneypotClaim } from './honeypot-state.ts';
import { readLists } from './round-state.ts';
import { askToCommit, askToReveal, createScoreJob } from './verifier-call.ts';

/** Asks the verifier to commit and to reveal. What it opens is kept for the verdict, whatever it says; who opens nothing ends the honeypot. */
export async function askHoneypot(state: HoneypotState, row: HoneypotRow): Promise<void> {
  const { validator, crypto, clock, awake, group, calls, jobSecret, signal, pause } = state;
  const { id, keyHash, outputTokens, listSizes, shapeClasses, tailDraws } = row;
  const { submission, opening } = findReply(state, row.replyId) ?? {};
  const leftMs = row.deadlineMs - clock.nowMs();
  // The audit ended without it.
  if (submission === undefined || opening === undefined || leftMs <= 0) return finishHoneypot(state, row, 'dropped');
  const { header, record } = readHoneypotClaim(state, row);
  // Honeypots are made of texts alone.
  if (!isTextHeader(header)) return finishHoneypot(state, row, 'dropped');
  const nonce = computeJobNonce(crypto, { secret: jobSecret, replyId: id, attempt: 0 });
  const jobId = computeJobId(crypto, { validator, replyId: id, attempt: 0, nonce });
  const { request, endpoint } = submission;
  const listed = findListedCandidate(state, row);
  if (listed === undefined || (row.committed === undefined && !isToBeAsked(state, row, listed, record)))
    return finishHoneypot(state, row, 'dropped');
  const endorsedClass = listed.numericClass;
  const { inputs, subject } = describePlanted(crypto, {
    ...{ endpoint, modelRoot: record.modelRoot, blind: parseOpening(opening).blind, header },
    ...{ outputTokens, listSizes, shapeClasses, tailDraws, endorsedClass },
    requestHash: hashRequest(crypto, endpoint, request),
  });
  const timeoutMs = computeJobTimeout(state, row);
  const job = createScoreJob({ jobId, request, timeoutMs }, inputs);
  const call = { timeoutMs: Math.min(timeoutMs, leftMs), signal };
  const peer = findHoneypotPeer(state, row);
  let { committed } = row;
  if (committed === undefined) {
    const bound = await askToCommit(crypto, calls, { peer, keyHash }, job, call);
    if (bound.outcome !== 'answered') return finishHoneypot(state, row, bound.outcome, bound.error);
    committed = bound.value;
    await group.write((db) => keepHoneypotCommitment(db, id, bound.value));
  }
  const round = fillRound(crypto, [committed.digest], nonce);
  const startMs = awake.nowMs();
  const isOver = (): boolean => awake.nowMs() - startMs >= call.timeoutMs;
  const what = { jobId, committed, round, subject, pause: () => pause(leftMs), isOver };
  const answer = await askToReveal(crypto, calls, { peer }, what, call);
  if (answer.outcome !== 'answered' && answer.unreadable === undefined)
    return finishHoneypot(state, row, answer.outcome, answer.error);
  const isUnreadable = answer.outcome !== 'answered';
  const opened = answer.outcome === 'answered' ? answer.value : (answer.unreadable as OpenedReport);
  if (signal.aborted) return;
  await group.write((db) => keepHoneypotReport(db, row, { opened, isUnreadable, nowMs: clock.nowMs() }));
}

/** As what it was drawn. */
function findListedCandidate(state: HoneypotState, row: HoneypotRow): EvidenceCandidate | undefined {
  return readLists(state, row.replyId)[0]?.find(({ providerId }) => equalBytes(providerId, row.verifierId));
}

/** Not who announces something else by now than it was drawn for, nor whose operator was asked about the reply since: it would know. */
function isToBeAsked(
  { store }: HoneypotState,
  { replyId, verifierId }: HoneypotRow,
  listed: EvidenceCandidate,
  { modelRoot }: { readonly modelRoot: Uint8Array },
): boolean {
  const lists = readLists({ store }, replyId);
  return store.read(() => {
    const isChanged =
      readAnnouncement(store, verifierId) !== undefined && !isAnnouncedAsListed(store, listed, modelRoot);
    const asked = listAttempts(store, replyId).map((one) =>
      lists[one.sitting]?.find(({ providerId }) => equalBytes(providerId, one.verifierId)),
    );
    const isSame = (one: EvidenceCandidate): boolean =>
      equalBytes(one.keyHash, listed.keyHash) || equalBytes(one.operator, listed.operator);
    return !isChanged && !asked.some((one) => one && isSame(one));
  });
}

/** Where the verifier is now, provided that it still signs with the key that it was drawn for. */
function findHoneypotPeer({ store }: HoneypotState, { verifierId, keyHash }: HoneypotRow): Peer | undefined {
  const verifier = store.read(() => readAnnouncement(store, verifierId))?.verifier;
  return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
}
