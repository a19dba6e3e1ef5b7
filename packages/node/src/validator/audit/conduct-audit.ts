import { pass } from '@ogong/protocol/base/checks';
import { type AuditEvidence, parseCandidates } from '@ogong/protocol/verdict/evidence';
import { type AuditContext, judge } from '@ogong/protocol/verdict/judge';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { listAttempts } from '../store/attempt-store.ts';
import { readPolicy } from '../store/drift-store.ts';
import { findReply, type ReplyRow, toClaim } from '../store/reply-store.ts';
import { type AuditState, decide, findDraw } from './audit-state.ts';
import { prepareCandidates } from './draw-round.ts';
import { runRounds } from './verifier-rounds.ts';

/** A reply that a beacon has selected. */
type SelectedReply = ReplyRow & { readonly beaconEpoch: bigint; readonly deadlineMs: number };

/** Continues an audit from where it was, as far as possible now. */
export async function conductAudit(state: AuditState, replyId: Uint8Array): Promise<void> {
  const { crypto, clock, stopping, rounds } = state;
  const { signal } = stopping;
  const row = findReply(state, replyId);
  if (!isSelected(row)) return;
  const judged = await readContext(state, row);
  const opened = row.opening
    ? (openReply(crypto, judged.claim.record, row.opening) as OpenedReply)
    : await fetchOpening(state, judged, row.beaconEpoch);
  if (signal.aborted || opened === undefined) return;
  if (opened.outcome === 'consistent') {
    const open = findReply(state, replyId) ?? row;
    await prepareCandidates(rounds, open, judged, opened);
    if (clock.nowMs() < (open.askAtMs ?? 0)) return;
    await runRounds(rounds, open, judged, opened);
  }
  if (signal.aborted) return;
  const latest = findReply(state, replyId);
  if (latest?.state !== 'auditing') return;
  const evidence = collectEvidence(state, latest, judged, opened);
  const judgement = judge(crypto, judged, evidence, opened);
  await decide(state, replyId, { judgement, evidence, beaconEpoch: row.beaconEpoch });
}

function isSelected(row: ReplyRow | undefined): row is SelectedReply {
  return row?.state === 'auditing' && row.beaconEpoch !== undefined && row.deadlineMs !== undefined;
}

async function readContext(state: AuditState, row: SelectedReply): Promise<AuditContext> {
  const { store, verdicts, drift, fixedVerifier } = state;
  return {
    claim: toClaim(row),
    signed: row.signedRecord as NonNullable<ReplyRow['signedRecord']>,
    validator: verdicts.validator,
    draw: await findDraw(state, row, row.beaconEpoch),
    allowFixedVerifier: fixedVerifier !== undefined,
    drift: store.read(() => readPolicy(store, drift, row.drift)),
  };
}

/** The evidence of the verdict, as co-signers get it: opening, candidates of the draw, and their answers. */
export function collectEvidence(
  { store }: Pick<AuditState, 'store'>,
  { replyId, candidates }: Pick<ReplyRow, 'replyId' | 'candidates'>,
  { drift }: Pick<AuditContext, 'drift'>,
  { bytes }: Pick<OpenedReply, 'bytes'>,
): AuditEvidence {
  const attempts = store
    .read(() => listAttempts(store, replyId))
    .map(({ verifierId, round, nonce, committed, opened }) => ({ verifierId, round, nonce, committed, opened }));
  return {
    kind: 'audit',
    opening: bytes,
    drift: attempts.length === 0 ? undefined : drift?.note,
    candidates: candidates ? parseCandidates(candidates) : [],
    attempts,
  };
}

/** @returns undefined if there is none yet, or if it is withheld and the reply has its verdict. */
async function fetchOpening(
  state: AuditState,
  judged: AuditContext,
  beaconEpoch: bigint,
): Promise<OpenedReply | undefined> {
  const { crypto, stopping, openings } = state;
  const { record, order } = judged.claim;
  const asked = await openings.ask(order, record);
  if (asked.outcome === 'opened') return asked.opened;
  if (asked.outcome === 'waiting' || stopping.signal.aborted) return undefined;
  const evidence = { kind: asked.outcome };
  const { checks, ...judgement } = judge(crypto, judged, evidence);
  const withDetail = { ...judgement, checks: [...checks, pass('opening-asked', asked.detail)] };
  const isLate = asked.outcome === 'withheld' && !asked.isRefused;
  await decide(state, order.replyId, { judgement: withDetail, evidence, beaconEpoch, isLate });
  return undefined;
}
