import type { Store } from '@ogong/host/store/store';
import { MAX_ASKED, MAX_REPORTS } from '@ogong/protocol/audit/audit-attempt';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import { MAX_VERIFIERS_PER_REPLY } from '@ogong/protocol/settlement/verdict-log';
import { findUnshown } from '@ogong/protocol/verdict/audit-subject';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, readVerifierReport } from '@ogong/protocol/verdict/opened-reply';
import { type WeighedReport, weighReport } from '@ogong/protocol/verdict/report-check';
import { combineReports, countReports } from '@ogong/protocol/verdict/report-combination';
import { findCredential } from '../store/announcement-store.ts';
import { postponeAuditAttempt, renewAuditAttempt } from '../store/audit-attempt-store.ts';
import { type AttemptRow, keepAttempt, listAttempts } from '../store/replies/attempt-store.ts';
import { type ReplyRow, readReply } from '../store/replies/reply-store.ts';
import { drawRound, freezeCandidates, listAsked, prepareCandidates } from './draw-round.ts';
import { finishRound } from './finish-round.ts';
import { findJobId, findListed, isUnfinished, type RoundState, readLists } from './round-state.ts';

/**
 * Asks verifiers, round after round, until their reports decide, none is left, or the window closes. All verifiers of a
 * round are asked at the same time. None is asked to reveal before the last has committed or failed. Verifiers,
 * commitments and reports are on the disk before the next message leaves, so a restarted validator continues in the
 * same round.
 */
export async function runRounds(
  state: RoundState,
  { replyId }: Pick<ReplyRow, 'replyId'>,
  judged: AuditContext,
  opened: OpenedReply,
): Promise<void> {
  const { clock, store, group, signal, pause, windowMs, contestPauseMs, mostPostponedMs } = state;
  const { modelRoot } = judged.claim.order;
  while (!signal.aborted) {
    const row = store.read(() => readReply(store, replyId));
    if (row?.state !== 'auditing') return;
    const leftMs = (row.deadlineMs ?? 0) - clock.nowMs();
    const attempts = store.read(() => listAttempts(store, replyId));
    if (attempts.some(isUnfinished)) {
      if (!(await finishRound(state, row, judged, opened, { attempts, leftMs }))) return;
      continue;
    }
    const lists = readLists(state, replyId);
    const weighed = weighAll(state, judged, opened, { lists, attempts });
    const history = { lists, attempts, weighed };
    const { candidates, isLacking } = await prepareCandidates(state, row, judged, { opened, history });
    // Nobody can repeat these layers, and the verdict says so.
    if (findUnshown(opened, judged.claim, candidates) !== undefined) return;
    const next = drawRound(state, judged, { lists: [...lists.slice(0, -1), candidates], attempts, weighed });
    const now = attempts.filter(({ sitting }) => sitting === row.sitting);
    if (leftMs <= 0 && now.length === 0 && next.length > 0) {
      await group.write((db) => renewAuditAttempt(db, replyId, clock.nowMs() + windowMs));
      continue;
    }
    const isLast = leftMs <= 0 || isFull(row.sitting, { attempts, weighed }, next.length);
    const known = countReports({ lists, asked: listAsked(attempts, weighed) });
    const canAskAnother = !isLast && next.length > 0;
    const isDecided = known.length > 0 && !(canAskAnother && combineReports(known).wantsAnother);
    // A decision from before this audit attempt is repeated in it.
    if (isDecided && (row.sitting === 0 || now.some(({ outcome }) => outcome === 'report'))) return;
    if (leftMs <= 0 && isLacking) {
      const untilMs = clock.nowMs() + contestPauseMs;
      await group.write((db) =>
        postponeAuditAttempt(db, replyId, { untilMs, byMs: contestPauseMs - leftMs, mostMs: mostPostponedMs }),
      );
      continue;
    }
    if (isLast && row.candidates === undefined) {
      await group.write((db) => freezeCandidates(db, row, judged, candidates));
    }
    if (isLast || (next.length === 0 && row.candidates !== undefined)) return;
    if (next.length === 0) await pause(leftMs);
    else {
      await group.write((db) => {
        for (const asked of next) keepAttempt(db, replyId, withCredential(db, asked, { candidates, modelRoot }));
      });
    }
  }
}

/** Adds the liable payee, as announced at the time of the question. */
function withCredential(
  store: Store,
  asked: AttemptRow,
  { candidates, modelRoot }: { readonly candidates: readonly EvidenceCandidate[]; readonly modelRoot: Uint8Array },
): AttemptRow {
  const candidate = candidates.find(({ providerId }) => equalBytes(providerId, asked.verifierId));
  return { ...asked, credential: candidate && asked.keyHash && findCredential(store, candidate, modelRoot) };
}

/** Tells whether the audit attempt has its most verifiers, or the log entry its most reports. */
function isFull(
  sitting: number,
  {
    attempts,
    weighed,
  }: { readonly attempts: readonly AttemptRow[]; readonly weighed: ReadonlyMap<number, WeighedReport> },
  nextCount: number,
): boolean {
  const now = attempts.filter((one) => one.sitting === sitting);
  const reports = now.filter(({ attempt }) => weighed.has(attempt)).length;
  return (
    reports + nextCount > MAX_REPORTS ||
    now.length + nextCount > MAX_ASKED ||
    weighed.size + nextCount > MAX_VERIFIERS_PER_REPLY
  );
}

/** Weighs all reports. They were checked before they were stored. */
function weighAll(
  state: RoundState,
  judged: AuditContext,
  opened: OpenedReply,
  { lists, attempts }: { readonly lists: ReturnType<typeof readLists>; readonly attempts: readonly AttemptRow[] },
): Map<number, WeighedReport> {
  const { order, cohort } = judged.claim;
  return new Map(
    attempts.flatMap((row) => {
      if (row.opened === undefined || row.outcome !== 'report') return [];
      const read = readVerifierReport(opened, row.opened.report, {
        jobId: findJobId(state, order.replyId, row),
        draw: judged.draw?.beacon ?? NO_DRAW,
        cohort,
        ...findListed(lists, row),
      });
      if ('problem' in read) throw new Error(`a stored report cannot be read: ${read.problem}`);
      return [[row.attempt, weighReport(read, judged.drift)] as const];
    }),
  );
}
