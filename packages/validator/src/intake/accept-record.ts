import { Refusal } from '@ogong/host/link/link-error';
import { findStakeProblem } from '@ogong/host/views/earnings-view';
import { findWeightsProblem } from '@ogong/host/views/model-roots';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { computeReplyId, type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { pickEvidence } from '@ogong/protocol/tier/evidence';
import { lookUpTier } from '@ogong/protocol/tier/registry';
import type { ShownRecord } from '@ogong/protocol/tier/tier';
import {
  type BoundRecord,
  type Claim,
  ClaimError,
  type HandedReply,
  isBare,
  verifyHanded,
} from '@ogong/protocol/verdict/claim';
import { summarizeSubmission } from '@ogong/protocol/verdict/summarize';
import { meetDelivery, readDelivery } from '../store/replies/delivery-store.ts';
import { endUnpaid } from '../store/replies/refused-store.ts';
import { computeRaise, raiseBill, recordReply } from '../store/replies/reply-changes.ts';
import { findReply, type HandledReply, isAwaited, readHandled, readOrder } from '../store/replies/reply-store.ts';
import { findChannel } from './admit-order.ts';
import { upholdEquivocation } from './exact-evidence.ts';
import { type IntakeState, refusePayeeOut } from './intake-state.ts';

export interface Acknowledgement {
  readonly replyId: Uint8Array;
  /** Of intake. */
  readonly epoch: bigint;
  /** Signed by this validator: that it has the record. */
  readonly signature: Uint8Array;
}

/**
 * A provider's record with the reply that it is about, or without its texts: checked, durable, acknowledged, in this order.
 * @param submission handed in by the provider, or shown by it to whoever asked (`isShown`), or what it had committed to (`isPassed`).
 * @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptRecord(
  state: IntakeState,
  submission: HandedReply,
  { isShown = false, isPassed = false }: { readonly isShown?: boolean; readonly isPassed?: boolean } = {},
): Promise<Acknowledgement> {
  const { crypto, archive, group } = state;
  const row = findAdmitted(state, submission);
  const order = readOrder(row);
  if (row.signedRecord !== undefined) {
    await group.synced();
    await takeBetterWord(state, row, submission);
    return acceptAgain(state, row, submission);
  }
  if (row.state !== 'admitted') throw new Refusal('conflict', `the reply has the verdict ${row.verdict} already`);
  // Use the order and signature that were checked at admission, not those that came with the record.
  const own = { ...submission, order: { order: row.orderBytes, signature: row.orderSignature } };
  const claim = await checkSubmission(state, order, own);
  // Its payer has it while the provider goes on, and would pay for a part of what it gets.
  if (claim.record.isMilestone && !isPassed) {
    throw new ClaimError('malformed', 'a milestone is handed in as one, and counts once the order is over');
  }
  // What was shown when it was asked for has to get a verdict.
  if (!isShown) refusePayeeOut(state, claim.header.payee);
  const summary = { ...(isBare(own) ? own : summarizeSubmission(crypto, own)), endpoint: claim.request.endpoint };
  const epoch = archive.latest().epoch;
  const lacking = await findLacking(state, claim);
  const recorded = await group.write((db) => {
    if (!isAwaited(db, order.replyId)) return readHandled(db, order.replyId) as HandledReply;
    const awaited = readDelivery(db, order.replyId)?.awaited;
    // The payer was given another record than this validator.
    if (awaited && !equalBytes(awaited.record, own.record.record)) return { ...row, signedRecord: awaited };
    const ownEvidence = Object.fromEntries(pickEvidence(claim.header.tier, own.evidence ?? {}));
    const kept = { summary, texts: isBare(own) ? undefined : own, ownEvidence };
    recordReply(db, claim, kept, { epoch, timeMs: state.clock.nowMs() });
    // It came, so nobody calls it abandoned; and no quorum signs a fee for it.
    if (lacking !== undefined) {
      endUnpaid(db, claim);
      return undefined;
    }
    meetDelivery(db, order.replyId, { orderEpoch: order.epoch, intakeEpoch: epoch });
    const { record, header, headerProof } = own;
    return { ...row, signedRecord: { ...record, header, headerProof }, intakeEpoch: epoch };
  });
  if (recorded === undefined) throw new ClaimError('stake', lacking as string);
  return recorded.signedRecord
    ? acceptAgain(state, recorded, submission)
    : Promise.reject(new Refusal('conflict', 'too late'));
}

/**
 * Whoever has a record may hand it in, its payer too, and without the word by which it is paid. So a word that is worth more raises what is
 * billed, as long as the record itself could come without another beacon deciding about its audit: how often that is depends on the fee, and
 * whoever knows the draw must not choose it. @throws Refusal, ClaimError, ProtocolError
 */
async function takeBetterWord(state: IntakeState, row: HandledReply, submission: HandedReply): Promise<void> {
  const { record, progress } = submission;
  if (progress === undefined || row.state !== 'recorded' || !isInTime(state, row)) return;
  if (!equalBytes((row.signedRecord as BoundRecord).record, record.record)) return;
  const known = findReply(state, row.replyId)?.summary?.progress;
  if (known && equalBytes(known.progress, progress.progress)) return;
  const own = { ...submission, order: { order: row.orderBytes, signature: row.orderSignature } };
  const claim = await checkSubmission(state, readOrder(row), own);
  if (claim.record.isMilestone) return;
  if (state.store.read(() => computeRaise(state.store, claim)) === undefined) return;
  // Not read anew where it has no room: the order that took the room had it read, and whoever pushes this again would have it read each time.
  const channel = await findChannel(state, claim.order, 0n);
  await state.group.write((db) => {
    if (isInTime(state, row)) raiseBill(db, claim, { word: progress, channel });
  });
}

/** Whether a record that came now would have its audit decided by the same beacon. */
function isInTime({ archive }: Pick<IntakeState, 'archive'>, { orderBytes, intakeEpoch }: HandledReply): boolean {
  if (intakeEpoch === undefined) return false;
  const { epoch: orderEpoch } = parseOrder(orderBytes);
  const decidesAt = (epoch: bigint) => computeDecidingEpoch({ orderEpoch, intakeEpoch: epoch }).epoch;
  return decidesAt(archive.latest().epoch) === decidesAt(intakeEpoch);
}

/**
 * All that a reply has to hold before it is opened. What its provider had to lose is no part of it: a record of a key that had too little is
 * still the record that was ordered, and whoever was shown it must not call it missing. @throws ClaimError, ProtocolError, Refusal
 */
export async function checkSubmission(
  state: Pick<
    IntakeState,
    'crypto' | 'clock' | 'ledger' | 'getBeacon' | 'checkWord' | 'modelRoots' | 'evidenceReaders' | 'onEvidenceFault'
  >,
  order: NamedOrder,
  submission: HandedReply,
): Promise<Claim> {
  const { crypto, ledger, getBeacon, checkWord } = state;
  const beacon = await getBeacon(order.epoch);
  if (beacon === undefined) throw new Refusal('unavailable', `the beacon of epoch ${order.epoch} is not known yet`);
  const claim = verifyHanded(crypto, { ledger, order, beacon, checkWord }, submission);
  await assertPublishedWeights(state, claim);
  await assertEvidence(state, claim, submission);
  return claim;
}

/** A cheap model under a large name would pass every audit. @throws ClaimError, Refusal */
async function assertPublishedWeights(
  { modelRoots }: Pick<IntakeState, 'modelRoots'>,
  { request: { model: modelId }, order }: Pick<Claim, 'request' | 'order'>,
): Promise<void> {
  if (modelRoots === undefined) return;
  await modelRoots.prepare([modelId]);
  const span = computeOrderSpan(order);
  const problem = findWeightsProblem(modelRoots, { modelId, modelRoot: order.modelRoot }, span);
  if (problem === undefined) return;
  if (modelRoots.find(modelId, span) === undefined) throw new Refusal('unavailable', problem);
  throw new ClaimError('wrong-model', problem);
}

/** What its provider lacks of what the reply's tier asks for; undefined for nothing. @throws Refusal */
export function findLacking(
  { holdings }: Pick<IntakeState, 'holdings'>,
  { header: { tier }, order }: Pick<Claim, 'header' | 'order'>,
): Promise<string | undefined> {
  return findStakeProblem(holdings, tier, order).catch((cause: unknown) => {
    throw new Refusal('unavailable', `what the provider holds cannot be read: ${(cause as Error).message}`);
  });
}

/** Refuses a record that does not carry its tier's own evidence, so it is never paid. @throws ClaimError */
async function assertEvidence(
  {
    crypto,
    clock,
    ledger,
    evidenceReaders: readers,
    onEvidenceFault,
  }: Pick<IntakeState, 'crypto' | 'clock' | 'ledger' | 'evidenceReaders' | 'onEvidenceFault'>,
  { header, request: { model: modelId } }: Pick<Claim, 'header' | 'request'>,
  { order, record, evidence = {} }: HandedReply,
): Promise<void> {
  const { tier, refusal } = lookUpTier(header.tier);
  if (tier === undefined) throw new ClaimError('evidence', refusal);
  const shown: ShownRecord = { ledger, modelId, order: order.order, record, evidence };
  const checks = await tier.admit({ crypto, nowMs: clock.nowMs(), readers }, shown);
  const failed = checks.find(({ status }) => status === 'fail');
  if (failed !== undefined) onEvidenceFault?.(shown);
  const refused = failed ?? checks.find(({ status }) => status !== 'pass');
  if (refused !== undefined) throw new ClaimError('evidence', `${refused.id}: ${refused.detail}`);
}

/** This validator's word for a record that it has taken in; undefined where it has none. */
export async function readIntake(
  state: Pick<IntakeState, 'crypto' | 'signIntake' | 'archive' | 'group'>,
  replyId: Uint8Array,
): Promise<Acknowledgement | undefined> {
  return signTaken(state, await state.group.read((db) => readHandled(db, replyId)));
}

/** The same of a row that is on the disk. */
export async function signTaken(
  state: Pick<IntakeState, 'crypto' | 'signIntake' | 'archive'>,
  row: HandledReply | undefined,
): Promise<Acknowledgement | undefined> {
  return row?.signedRecord && acknowledge(state, row, row.signedRecord);
}

async function acknowledge(
  { crypto, signIntake, archive }: Pick<IntakeState, 'crypto' | 'signIntake' | 'archive'>,
  { replyId, orderHash, intakeEpoch }: HandledReply,
  { record }: Pick<BoundRecord, 'record'>,
): Promise<Acknowledgement> {
  const epoch = intakeEpoch ?? archive.latest().epoch;
  const signature = await signIntake({ orderHash, recordHash: hashRecord(crypto, record), epoch });
  return { replyId, epoch, signature };
}

/** The reply as it was admitted, under this very order. @throws Refusal, ProtocolError */
export function findAdmitted(
  { store, crypto, ledger }: Pick<IntakeState, 'store' | 'crypto' | 'ledger'>,
  { order }: Pick<HandedReply, 'order'>,
): HandledReply {
  // The order's own hash was made when it was admitted.
  const replyId = computeReplyId(crypto, ledger, parseOrder(order.order));
  const row = store.read(() => readHandled(store, replyId));
  if (row === undefined) throw new Refusal('not-found', 'no such reply was admitted here');
  if (!equalBytes(row.orderBytes, order.order)) {
    throw new Refusal('conflict', 'the reply was admitted under another order');
  }
  return row;
}

/**
 * The same record is acknowledged again, of a row that is on the disk. A different record for the same order proves that the provider is dishonest.
 * @throws Refusal
 */
export async function acceptAgain(
  state: IntakeState,
  row: HandledReply,
  { record, header, headerProof }: Pick<HandedReply, 'record' | 'header' | 'headerProof'>,
): Promise<Acknowledgement> {
  const signedRecord = row.signedRecord as BoundRecord;
  if (equalBytes(signedRecord.record, record.record)) {
    return acknowledge(state, row, signedRecord);
  }
  await upholdEquivocation(state, { ...row, signedRecord }, { ...record, header, headerProof });
  throw new Refusal('conflict', 'another record was signed for this order: the provider is ejected');
}
