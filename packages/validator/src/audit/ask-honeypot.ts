import type { Peer } from '@ogong/host/link/link-pool';
import { askToCommit, askToReveal, isRefusedJob } from '@ogong/host/link/verifier-call';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { fillRound } from '@ogong/protocol/modality/shared/score-commitment';
import type { OpenedReport } from '@ogong/protocol/verdict/evidence';
import { readReport } from '@ogong/protocol/verdict/report-check';
import { readAnnouncement } from '../store/announcement-store.ts';
import {
  findHoneypot,
  type HoneypotRow,
  keepHoneypotCommitment,
  keepHoneypotReport,
  keepHoneypotStatements,
} from '../store/honeypot-store.ts';
import { listAttempts } from '../store/replies/attempt-store.ts';
import type { ReplyRow } from '../store/replies/reply-store.ts';
import { describeHoneypot, giveUp, type HoneypotJob, type HoneypotState } from './honeypot-state.ts';
import { readLists } from './round-state.ts';

/**
 * Asks the verifier to commit and to reveal. Any opened report is stored for the verdict. A verifier that opens nothing
 * is given up.
 */
export async function askHoneypot(state: HoneypotState, row: HoneypotRow): Promise<void> {
  const { crypto, clock, awake, group, calls, signal, pause } = state;
  const { id, keyHash } = row;
  const described = describeHoneypot(state, row);
  const leftMs = row.deadlineMs - clock.nowMs();
  const isLate = leftMs <= 0 || (row.committed === undefined && isMet(state, row));
  if (described === undefined || isLate) return giveUp(state, row);
  const { jobId, nonce, subject, timeoutMs } = described;
  const call = { timeoutMs: Math.min(timeoutMs, leftMs), signal };
  const peer = findHoneypotPeer(state, row);
  let { committed } = row;
  if (committed === undefined) {
    const job = await described.createMessage();
    const bound = await askToCommit(crypto, calls, { peer, keyHash }, job, call);
    if (bound.outcome !== 'answered') {
      const event = isRefusedJob(bound.error) ? undefined : bound.outcome;
      return giveUp(state, row, { event, error: bound.error, timeoutMs });
    }
    committed = bound.value;
    await group.write((db) => keepHoneypotCommitment(db, id, bound.value));
  }
  const round = fillRound(crypto, [committed.digest], nonce);
  const startMs = awake.nowMs();
  const isOver = (): boolean => awake.nowMs() - startMs >= call.timeoutMs;
  const what = { jobId, committed, round, subject, pause: () => pause(leftMs), isOver };
  const answer = await askToReveal(crypto, calls, { peer }, what, call);
  if (answer.outcome !== 'answered' && answer.unreadable === undefined)
    return giveUp(state, row, { event: answer.outcome, error: answer.error, timeoutMs });
  const isUnreadable = answer.outcome !== 'answered';
  const opened = answer.outcome === 'answered' ? answer.value : (answer.unreadable as OpenedReport);
  if (signal.aborted) return;
  await group.write((db) => keepHoneypotReport(db, row, { opened, isUnreadable, nowMs: clock.nowMs() }));
}

/**
 * Runs one round in which witnesses ask a verifier that did not answer this validator.
 * @returns true if the verifier has answered, or is silent to witnesses, too.
 */
export async function contestHoneypot(
  state: HoneypotState,
  { orderBytes, orderSignature }: Pick<ReplyRow, 'orderBytes' | 'orderSignature'>,
  row: HoneypotRow,
): Promise<boolean> {
  const { crypto, clock, store, group, signal, contest } = state;
  const job = describeHoneypot(state, row);
  if (job === undefined) throw new Error('the verdict waits for a honeypot without a job');
  const order = { order: orderBytes, signature: orderSignature };
  const found = await contest.ask({ order, ...(await describeContest(state, row, job)) });
  if (signal.aborted) return false;
  if (found.kind === 'silent') {
    await group.write((db) => keepHoneypotStatements(db, row.id, found.statements));
    return true;
  }
  if (found.kind === 'commitment') {
    await group.write((db) => keepHoneypotCommitment(db, row.id, found.committed));
    const bound = store.read(() => findHoneypot(store, row.id));
    return bound?.committed !== undefined && contestHoneypot(state, { orderBytes, orderSignature }, bound);
  }
  const { committed } = row;
  if (found.kind !== 'report' || committed === undefined) return false;
  const { opened } = found;
  const round = fillRound(crypto, [committed.digest], job.nonce);
  const read = readReport(crypto, { jobId: job.jobId, committed, opened, round }, job.subject);
  if ('problem' in read && !read.isUnreadable) return false;
  const isUnreadable = 'problem' in read;
  await group.write((db) => keepHoneypotReport(db, row, { opened, isUnreadable, nowMs: clock.nowMs() }));
  return true;
}

/** Builds the question for witnesses. It looks the same as for an ordinary job. */
async function describeContest(
  { crypto }: Pick<HoneypotState, 'crypto'>,
  { verifierId, keyHash, committed }: HoneypotRow,
  { jobId, nonce, subject: { inputsHash }, createMessage }: HoneypotJob,
) {
  if (committed === undefined) return { asked: 'commitment', verifierId, keyHash, job: await createMessage() } as const;
  const round = fillRound(crypto, [committed.digest], nonce);
  return { asked: 'report', verifierId, keyHash, jobId, inputsHash, committed, round } as const;
}

/**
 * Tells whether another verifier of the same operator was asked about the reply since. Then the honeypot's answer does
 * not count.
 */
function isMet({ store }: Pick<HoneypotState, 'store'>, { replyId, verifierId }: HoneypotRow): boolean {
  const candidates = readLists({ store }, replyId)[0] ?? [];
  const operatorOf = (id: Uint8Array) => candidates.find(({ providerId }) => equalBytes(providerId, id))?.operator;
  const operator = operatorOf(verifierId);
  const asked = store.read(() => listAttempts(store, replyId)).filter(({ sitting }) => sitting === 0);
  return asked.some((one) => equalBytes(operatorOf(one.verifierId) ?? NOBODY, operator ?? NOBODY));
}

const NOBODY: Uint8Array = new Uint8Array(0);

/** Returns the verifier's current address if it still signs with the key that was drawn. */
function findHoneypotPeer({ store }: HoneypotState, { verifierId, keyHash }: HoneypotRow): Peer | undefined {
  const verifier = store.read(() => readAnnouncement(store, verifierId))?.verifier;
  return verifier && equalBytes(verifier.keyHash, keyHash) ? verifier : undefined;
}
