import { setTimeout as delay } from 'node:timers/promises';
import { isAudited } from '@ogong/protocol/audit/audit';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { PPM } from '@ogong/protocol/exchange/reputation';
import { isComparable } from '@ogong/protocol/tier/outcome';
import type { StoredClaim } from '@ogong/protocol/verdict/claim';
import { beginAudit } from '../store/replies/reply-changes.ts';
import { findReply, type ReplyRow, toClaim } from '../store/replies/reply-store.ts';
import { decideReply } from '../store/verdict-store.ts';
import { type AuditState, computeAskDelay } from './audit-state.ts';
import { planCoverage } from './coverage.ts';
import { readDeterringPpm } from './deterrence.ts';

const CHAIN_PATIENCE_MS = 2_000;

/** Decides by the beacon of a reply's deciding epoch whether it is audited. */
export async function selectReplies(state: AuditState, replyIds: readonly Uint8Array[]): Promise<void> {
  const { store, extraPpm, getBeacon } = state;
  const epochs = groupByBeacon(state, replyIds);
  const basePpm = state.alphaPpm();
  for (const [beaconEpoch, rows] of epochs) {
    const beacon = await getBeacon(beaconEpoch);
    // No answering peer has it.
    if (beacon === undefined) continue;
    const coverage = store.read(() => planCoverage(store, rows, { basePpm, extraPpm }));
    const replies = rows.map((row) => ({ row, claim: toClaim(row) }));
    const deterring = await findDeterringPpm(state, replies);
    await Promise.all(
      replies.map((reply, i) => {
        const alphaPpm = Math.max(coverage[i] as number, deterring[i] as number);
        return selectReply(state, reply, { beaconEpoch, beacon: beacon.value, alphaPpm });
      }),
    );
  }
}

/** A reply with its claim. */
interface ClaimedReply {
  readonly row: Pick<ReplyRow, 'replyId' | 'feeAtomic' | 'isForced'>;
  readonly claim: Pick<StoredClaim, 'order' | 'header'>;
}

/**
 * Returns the coverage of each reply by held earnings. If the chain does not answer in time, the reply is audited: co-signers accept
 * more audits than they require.
 */
export async function findDeterringPpm(
  { heldFor, onError }: Pick<AuditState, 'heldFor' | 'onError'>,
  replies: readonly ClaimedReply[],
): Promise<number[]> {
  const patience = new AbortController();
  const late = delay(CHAIN_PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
    throw new Error("the chain does not return the provider's held earnings in time");
  });
  late.catch(() => undefined);
  const found = replies.map(async ({ row, claim: { order, header } }) => {
    const reply = { providerId: order.providerId, payee: header.payee, feeAtomic: row.feeAtomic ?? 0n };
    return Promise.race([readDeterringPpm(heldFor, reply, order), late]).catch((error: unknown) => {
      onError(error, row.replyId);
      return PPM;
    });
  });
  return Promise.all(found).finally(() => patience.abort());
}

/** Groups replies by the epoch whose beacon selects them, without those whose epoch has not come yet. */
export function groupByBeacon(
  state: Pick<AuditState, 'store' | 'archive'>,
  replyIds: readonly Uint8Array[],
): ReadonlyMap<bigint, readonly ReplyRow[]> {
  const epochs = new Map<bigint, ReplyRow[]>();
  for (const replyId of replyIds) {
    const row = findReply(state, replyId);
    if (row?.intakeEpoch === undefined) continue;
    const { epoch: orderEpoch } = parseOrder(row.orderBytes);
    const { epoch: beaconEpoch } = computeDecidingEpoch({ orderEpoch, intakeEpoch: row.intakeEpoch });
    if (beaconEpoch > state.archive.latest().epoch) continue;
    epochs.set(beaconEpoch, [...(epochs.get(beaconEpoch) ?? []), row]);
  }
  return epochs;
}

async function selectReply(
  state: AuditState,
  { row: { replyId, isForced }, claim: { order, header } }: ClaimedReply,
  {
    beaconEpoch,
    beacon,
    alphaPpm,
  }: { readonly beaconEpoch: bigint; readonly beacon: Uint8Array; readonly alphaPpm: number },
): Promise<void> {
  const { crypto, clock, group, windowMs, verdicts, onVerdict } = state;
  const draw = { replyId, orderEpoch: order.epoch, beaconEpoch, beacon };
  const isSelected = isForced || (isComparable(header.tier) && isAudited(crypto, draw, alphaPpm));
  const nowMs = clock.nowMs();
  const times = { deadlineMs: nowMs + windowMs, askAtMs: nowMs + computeAskDelay(state, replyId) };
  const entry = await group.write((db) => {
    if (!isSelected)
      return decideReply(db, verdicts, { replyId, decision: { verdict: 'unaudited', beaconEpoch }, nowMs });
    beginAudit(db, replyId, beaconEpoch, times);
    return undefined;
  });
  if (entry) onVerdict(entry);
}
