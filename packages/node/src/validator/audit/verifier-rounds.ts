import { MAX_VERIFIERS_PER_REPLY } from '@ogong/protocol/settlement/verdict-log';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import { type OpenedReply, readVerifierReport } from '@ogong/protocol/verdict/opened-reply';
import { type WeighedReport, weighReport } from '@ogong/protocol/verdict/report-check';
import { combineReports } from '@ogong/protocol/verdict/report-combination';
import { type AttemptRow, keepAttempt, listAttempts } from '../store/attempt-store.ts';
import { type ReplyRow, readReply } from '../store/reply-store.ts';
import { drawRound, prepareCandidates } from './draw-round.ts';
import { finishRound } from './finish-round.ts';
import { findJobId, findRoom, isUnfinished, type RoundState, readCandidates } from './round-state.ts';

/** At most so many reports on a reply are opened. Verifiers that do not answer do not count: silence must end no audit. */
const MAX_REPORTS = 4;

/**
 * Asks verifiers, round after round, until their reports decide, nobody is left, or the window closes. In a round all are
 * asked at the same time, and none is asked to reveal before the last has committed or failed. Who is asked, what was committed
 * and what was opened is on the disk before the next message leaves, so that a restarted validator continues in the same round.
 */
export async function runRounds(
  state: RoundState,
  row: ReplyRow,
  judged: AuditContext,
  opened: OpenedReply,
): Promise<void> {
  const { clock, store, group, signal, pause } = state;
  const { replyId, deadlineMs = 0 } = row;
  while (!signal.aborted) {
    const leftMs = deadlineMs - clock.nowMs();
    const current = store.read(() => readReply(store, replyId));
    if (current?.state !== 'auditing') return;
    const attempts = store.read(() => listAttempts(store, replyId));
    if (attempts.some(isUnfinished)) {
      await finishRound(state, row, judged, opened, { attempts, leftMs });
      continue;
    }
    const weighed = weighAll(state, judged, opened, attempts);
    const candidates = await prepareCandidates(state, current, judged, opened);
    const next = drawRound(state, judged, candidates, attempts, weighed);
    const isFull = weighed.size + next.length > MAX_REPORTS || attempts.length + next.length > MAX_VERIFIERS_PER_REPLY;
    const isLast = leftMs <= 0 || isFull;
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

/** Reports were read before they were kept. */
function weighAll(
  state: RoundState,
  judged: AuditContext,
  opened: OpenedReply,
  attempts: readonly AttemptRow[],
): Map<number, WeighedReport> {
  const { order } = judged.claim;
  const candidates = readCandidates(state, order.replyId);
  return new Map(
    attempts.flatMap((row) => {
      if (row.opened === undefined) return [];
      const read = readVerifierReport(opened, row.opened.report, {
        jobId: findJobId(state, order.replyId, row),
        contextSize: findRoom(candidates, row),
      });
      if ('problem' in read) throw new Error(`a report that was kept is none: ${read.problem}`);
      return [[row.attempt, weighReport(read, judged.drift)] as const];
    }),
  );
}
