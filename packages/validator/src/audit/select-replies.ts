import { setTimeout as delay } from 'node:timers/promises';
import { isAudited } from '@ogong/protocol/audit/audit';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { PPM } from '@ogong/protocol/exchange/reputation';
import { isComparable } from '@ogong/protocol/tier/outcome';
import { type RecordedReply, readRecorded } from '../store/replies/narrow-rows.ts';
import { beginAudit } from '../store/replies/reply-changes.ts';
import { isForced } from '../store/replies/reply-store.ts';
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
    const deterring = await findDeterringPpm(state, rows);
    await Promise.all(
      rows.map((reply, i) => {
        const alphaPpm = Math.max(coverage[i] as number, deterring[i] as number);
        return selectReply(state, reply, { beaconEpoch, beacon: beacon.value, alphaPpm });
      }),
    );
  }
}

/**
 * Returns the coverage of each reply by held earnings. If the chain does not answer in time, the reply is audited: co-signers accept
 * more audits than they require.
 */
export async function findDeterringPpm(
  { heldFor, onError }: Pick<AuditState, 'heldFor' | 'onError'>,
  replies: readonly Pick<RecordedReply, 'replyId' | 'feeAtomic' | 'order' | 'header'>[],
): Promise<number[]> {
  const patience = new AbortController();
  const late = delay(CHAIN_PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
    throw new Error("the chain does not return the provider's held earnings in time");
  });
  late.catch(() => undefined);
  const found = replies.map(async ({ replyId, feeAtomic = 0n, order, header }) => {
    const reply = { providerId: order.providerId, payee: header.payee, feeAtomic };
    return Promise.race([readDeterringPpm(heldFor, reply, order), late]).catch((error: unknown) => {
      onError(error, replyId);
      return PPM;
    });
  });
  return Promise.all(found).finally(() => patience.abort());
}

/** Groups replies by the epoch whose beacon selects them, without those whose epoch has not come yet. */
export function groupByBeacon(
  { store, archive }: Pick<AuditState, 'store' | 'archive'>,
  replyIds: readonly Uint8Array[],
): ReadonlyMap<bigint, readonly RecordedReply[]> {
  const epochs = new Map<bigint, RecordedReply[]>();
  for (const replyId of replyIds) {
    const row = store.read(() => readRecorded(store, replyId));
    if (row?.intakeEpoch === undefined) continue;
    const { order, intakeEpoch } = row;
    const { epoch: beaconEpoch } = computeDecidingEpoch({ orderEpoch: order.epoch, intakeEpoch });
    if (beaconEpoch > archive.latest().epoch) continue;
    const rows = epochs.get(beaconEpoch) ?? [];
    rows.push(row);
    epochs.set(beaconEpoch, rows);
  }
  return epochs;
}

async function selectReply(
  state: AuditState,
  { replyId, order, header }: RecordedReply,
  {
    beaconEpoch,
    beacon,
    alphaPpm,
  }: { readonly beaconEpoch: bigint; readonly beacon: Uint8Array; readonly alphaPpm: number },
): Promise<void> {
  const { crypto, clock, group, windowMs, verdicts, onVerdict } = state;
  const draw = { replyId, orderEpoch: order.epoch, beaconEpoch, beacon };
  const isSelected = isComparable(header.tier) && isAudited(crypto, draw, alphaPpm);
  const nowMs = clock.nowMs();
  const times = { deadlineMs: nowMs + windowMs, askAtMs: nowMs + computeAskDelay(state, replyId) };
  const entry = await group.write((db) => {
    // A complaint may have come while the chain was read.
    if (!isSelected && !isForced(db, replyId))
      return decideReply(db, verdicts, { replyId, decision: { verdict: 'unaudited', beaconEpoch }, nowMs });
    beginAudit(db, replyId, beaconEpoch, times);
    return undefined;
  });
  if (entry) onVerdict(entry);
}
