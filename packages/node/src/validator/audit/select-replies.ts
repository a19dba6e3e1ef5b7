import { type AuditDraw, isAudited } from '@ogong/protocol/audit/audit';
import { beginAudit, findReply, type ReplyRow } from '../store/reply-store.ts';
import { type AuditState, computeAskDelay, decide, readDraw } from './audit-state.ts';
import { planCoverage } from './coverage.ts';

/** Decides by the first certified beacon after its intake whether a reply is audited. */
export async function selectReplies(state: AuditState, replyIds: readonly Uint8Array[]): Promise<void> {
  const { store, extraPpm } = state;
  const epochs = groupByBeacon(state, replyIds);
  const basePpm = state.alphaPpm();
  for (const [beaconEpoch, rows] of epochs) {
    const coverage = store.read(() => planCoverage(store, rows, { basePpm, extraPpm }));
    await Promise.all(rows.map((row, i) => selectReply(state, row, { beaconEpoch, alphaPpm: coverage[i] as number })));
  }
}

/** The replies by the epoch whose beacon selects them; without those that have no such beacon yet. */
export function groupByBeacon(
  state: Pick<AuditState, 'store' | 'archive'>,
  replyIds: readonly Uint8Array[],
): ReadonlyMap<bigint, readonly ReplyRow[]> {
  const epochs = new Map<bigint, ReplyRow[]>();
  for (const replyId of replyIds) {
    const row = findReply(state, replyId);
    const beaconEpoch = state.archive.findNext(row?.intakeEpoch ?? 0n);
    if (row === undefined || beaconEpoch === undefined) continue;
    epochs.set(beaconEpoch, [...(epochs.get(beaconEpoch) ?? []), row]);
  }
  return epochs;
}

async function selectReply(
  state: AuditState,
  { replyId, isForced }: ReplyRow,
  { beaconEpoch, alphaPpm }: { readonly beaconEpoch: bigint; readonly alphaPpm: number },
): Promise<void> {
  const { crypto, clock, group, windowMs, honeypots } = state;
  const draw = readDraw(state, replyId, beaconEpoch) as AuditDraw;
  if (isForced || isAudited(crypto, draw, alphaPpm)) {
    const nowMs = clock.nowMs();
    const times = { deadlineMs: nowMs + windowMs, askAtMs: nowMs + computeAskDelay(state, replyId) };
    await group.write((db) => beginAudit(db, replyId, beaconEpoch, times));
  } else {
    await decide(state, replyId, { verdict: 'unaudited', beaconEpoch });
    await honeypots.offer(replyId);
  }
}
