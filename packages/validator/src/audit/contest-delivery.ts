import { toHex } from '@ogong/protocol/base/bytes';
import { parseKeptConsent } from '@ogong/protocol/verdict/evidence';
import { readDelivery } from '../store/replies/delivery-store.ts';
import { readMilestone } from '../store/replies/milestone-store.ts';
import { findReply } from '../store/replies/reply-store.ts';
import { type AuditState, decide } from './audit-state.ts';

/** Contests at a time. Each waits for others most of its time. */
const MAX_CONTESTS = 64;
const MAX_PAUSED = 8_192;

/** Lists replies whose next round is due, while there are free places. */
export function listDueContests(
  { clock, places, contestsDue }: Pick<AuditState, 'clock' | 'places' | 'contestsDue'>,
  abandoned: readonly Uint8Array[],
): Uint8Array[] {
  const nowMs = clock.nowMs();
  const isDue = (replyId: Uint8Array): boolean => (contestsDue.get(toHex(replyId)) ?? 0) <= nowMs;
  return abandoned.filter(isDue).slice(0, MAX_CONTESTS - places.contests.size);
}

/**
 * Runs one round of asking for a reply that its provider promised and did not deliver. A record that turns up is
 * accepted from any sender: the provider may have lost its connection to this validator. If the payer handed in a
 * milestone, that becomes the record and nobody is asked. If the witnesses receive nothing either, the reply is
 * abandoned.
 */
export async function contestDelivery(state: AuditState, replyId: Uint8Array): Promise<void> {
  const { clock, store, contest, acceptShown, acceptMilestoneRecord, contestsDue, contestPauseMs } = state;
  const row = findReply(state, replyId);
  if (row?.state !== 'admitted' || row.consent === undefined) return;
  const key = toHex(replyId);
  contestsDue.set(key, clock.nowMs() + contestPauseMs);
  if (contestsDue.size > MAX_PAUSED) contestsDue.delete(contestsDue.keys().next().value as string);
  const { milestone, awaited } = store.read(() => ({
    milestone: readMilestone(store, replyId),
    awaited: readDelivery(store, replyId)?.awaited,
  }));
  // If the payer reports a delivered record, that record is asked for first.
  if (milestone && awaited === undefined) {
    await acceptMilestoneRecord(milestone.submission);
    contestsDue.delete(key);
    return;
  }
  const order = { order: row.orderBytes, signature: row.orderSignature };
  const consent = parseKeptConsent(row.consent);
  const outcome = await contest.ask({ order, asked: 'record', consent });
  if (outcome.kind !== 'record' && outcome.kind !== 'silent') return;
  // An invalid record waits for the next round like silence, so that other replies get their turn.
  if (outcome.kind === 'record') {
    await acceptShown(outcome.submission);
    contestsDue.delete(key);
    return;
  }
  contestsDue.delete(key);
  const { isTimely, statements } = outcome;
  await decide(state, replyId, { undelivered: isTimely ? 'abandoned' : 'unasked', statements });
}
