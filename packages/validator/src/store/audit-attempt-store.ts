import { bytes, columns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { type EvidenceCandidate, encodeCandidates, parseCandidates } from '@ogong/protocol/verdict/evidence';
import { forgetListedCredentials } from './listed-credential-store.ts';
import { readReply } from './replies/reply-store.ts';

/** Stores audit attempts: the finished ones, and the replies that wait for the next one. */
const listColumns = columns({ candidates: bytes });
const idColumns = columns({ replyId: bytes });

/** Ends an audit attempt without a judgement. The reply waits until the beacon of `waitEpoch` is certified. */
export function closeAuditAttempt(store: Store, replyId: Uint8Array, waitEpoch: bigint): void {
  const row = readReply(store, replyId);
  if (row?.state !== 'auditing') return;
  const candidates = row.candidates ?? encodeCandidates([]);
  store
    .prepare('INSERT INTO sittings (reply_id, sitting, candidates) VALUES (?, ?, ?)')
    .run(replyId, row.sitting, candidates);
  store
    .prepare(
      `UPDATE replies SET state = 'waiting', sitting = sitting + 1, wait_epoch = ?, candidates = NULL
       WHERE reply_id = ?`,
    )
    .run(waitEpoch, replyId);
  forgetListedCredentials(store, replyId);
}

/** @returns ids of replies whose next audit attempt can begin, the longest waiting first. */
export function listDueAuditAttempts(store: Store, latestEpoch: bigint, limit: number): Uint8Array[] {
  const sql = "SELECT reply_id FROM replies WHERE state = 'waiting' AND wait_epoch <= ? ORDER BY wait_epoch LIMIT ?";
  return idColumns.all(store.prepare(sql), latestEpoch, limit).map(({ replyId }) => replyId);
}

export function beginAuditAttempt(
  store: Store,
  replyId: Uint8Array,
  { deadlineMs, askAtMs }: { readonly deadlineMs: number; readonly askAtMs: number },
): void {
  store
    .prepare(
      `UPDATE replies SET state = 'auditing', wait_epoch = NULL, deadline = ?, ask_at = ?, postponed = 0
       WHERE reply_id = ? AND state = 'waiting'`,
    )
    .run(deadlineMs, askAtMs, replyId);
}

/** Restarts an audit attempt in which this validator asked nobody in time, because it was away. */
export function renewAuditAttempt(store: Store, replyId: Uint8Array, deadlineMs: number): void {
  store.prepare("UPDATE replies SET deadline = ? WHERE reply_id = ? AND state = 'auditing'").run(deadlineMs, replyId);
}

/**
 * Postpones an audit attempt that waits for answers of others. Its deadline moves by the same time, up to `mostMs` in
 * all.
 */
export function postponeAuditAttempt(
  store: Store,
  replyId: Uint8Array,
  { untilMs, byMs, mostMs }: { readonly untilMs: number; readonly byMs: number; readonly mostMs: number },
): void {
  const left = Math.max(0, Math.floor(mostMs) - (readReply(store, replyId)?.postponedMs ?? 0));
  const addedMs = Math.min(Math.ceil(byMs), left);
  store
    .prepare(
      `UPDATE replies SET ask_at = ?, deadline = deadline + ?, postponed = postponed + ?
       WHERE reply_id = ? AND state = 'auditing'`,
    )
    .run(Math.ceil(untilMs), addedMs, addedMs, replyId);
}

/** Lists the candidate lists of the finished audit attempts, in order. */
export function listClosedLists(store: Store, replyId: Uint8Array): (readonly EvidenceCandidate[])[] {
  const sql = 'SELECT candidates FROM sittings WHERE reply_id = ? ORDER BY sitting';
  return listColumns.all(store.prepare(sql), replyId).map(({ candidates }) => parseCandidates(candidates));
}

export function forgetAuditAttempts(store: Store, replyId: Uint8Array): void {
  store.prepare('DELETE FROM sittings WHERE reply_id = ?').run(replyId);
  forgetListedCredentials(store, replyId);
}
