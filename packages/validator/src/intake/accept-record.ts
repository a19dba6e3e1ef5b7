import { Refusal } from '@ogong/host/link/link-error';
import { findStakeProblem } from '@ogong/host/views/earnings-view';
import { findWeightsProblem } from '@ogong/host/views/model-roots';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { computeReplyId, type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { pickEvidence } from '@ogong/protocol/tier/evidence';
import { mayShowTexts } from '@ogong/protocol/tier/outcome';
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
  /** Epoch of the intake. */
  readonly epoch: bigint;
  /** This validator's receipt for the record. */
  readonly signature: Uint8Array;
}

/**
 * Accepts a provider's record, with or without its texts: it is checked, stored durably and acknowledged, in this
 * order.
 * @param submission from the provider, from a witness that the provider has shown it to (`isShown`), or the last
 * milestone (`isPassed`).
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
    await raiseByProgress(state, row, submission);
    return acceptAgain(state, row, submission);
  }
  if (row.state !== 'admitted') throw new Refusal('conflict', `the reply has the verdict ${row.verdict} already`);
  // Use the order and signature that were checked at admission, not those that came with the record.
  const own = { ...submission, order: { order: row.orderBytes, signature: row.orderSignature } };
  const claim = await checkSubmission(state, order, own);
  // The payer has a milestone while the provider still generates, so it would pay for a part of the reply only.
  if (claim.record.isMilestone && !isPassed) {
    throw new ClaimError('malformed', 'a milestone needs its own call, and counts once the order is over');
  }
  // A record that was shown to a witness must get a verdict.
  if (!isShown) refusePayeeOut(state, claim.header.payee);
  const summary = { ...(isBare(own) ? own : summarizeSubmission(crypto, own)), endpoint: claim.request.endpoint };
  const epoch = archive.latest().epoch;
  const lacking = await findLacking(state, claim);
  const recorded = await group.write((db) => {
    if (!isAwaited(db, order.replyId)) return readHandled(db, order.replyId) as HandledReply;
    const awaited = readDelivery(db, order.replyId)?.awaited;
    // The payer has another record than this validator.
    if (awaited && !equalBytes(awaited.record, own.record.record)) return { ...row, signedRecord: awaited };
    const ownEvidence = Object.fromEntries(pickEvidence(claim.header.tier, own.evidence ?? {}));
    const kept = { summary, texts: isBare(own) || !mayShowTexts(claim.header.tier) ? undefined : own, ownEvidence };
    recordReply(db, claim, kept, { epoch, timeMs: state.clock.nowMs() });
    // The reply came, so it is not abandoned. But no quorum signs a fee for it.
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
 * Raises the bill of an accepted record by a better progress statement of the payer. A record may come from any sender,
 * also from its payer and without the progress statement. So a statement that is worth more raises the bill, as long as
 * no other beacon would decide about the audit. Whether a reply is audited depends on its fee, so nobody who knows the
 * draw may choose the fee. @throws Refusal, ClaimError, ProtocolError
 */
async function raiseByProgress(state: IntakeState, row: HandledReply, submission: HandedReply): Promise<void> {
  const { record, progress } = submission;
  if (progress === undefined || row.state !== 'recorded' || !isInTime(state, row)) return;
  if (!equalBytes((row.signedRecord as BoundRecord).record, record.record)) return;
  const known = findReply(state, row.replyId)?.summary?.progress;
  if (known && equalBytes(known.progress, progress.progress)) return;
  const own = { ...submission, order: { order: row.orderBytes, signature: row.orderSignature } };
  const claim = await checkSubmission(state, readOrder(row), own);
  if (claim.record.isMilestone) return;
  if (state.store.read(() => computeRaise(state.store, claim)) === undefined) return;
  // The channel is not read again if it has no room. Otherwise each repeated push would cause a reading.
  const channel = await findChannel(state, claim.order, 0n);
  await state.group.write((db) => {
    if (isInTime(state, row)) raiseBill(db, claim, { word: progress, channel });
  });
}

/** Tells whether the same beacon would decide about the audit of a record that came now. */
function isInTime({ archive }: Pick<IntakeState, 'archive'>, { orderBytes, intakeEpoch }: HandledReply): boolean {
  if (intakeEpoch === undefined) return false;
  const { epoch: orderEpoch } = parseOrder(orderBytes);
  const decidesAt = (epoch: bigint) => computeDecidingEpoch({ orderEpoch, intakeEpoch: epoch }).epoch;
  return decidesAt(archive.latest().epoch) === decidesAt(intakeEpoch);
}

/**
 * Checks a reply before it is opened. The provider's stake is not checked here. A record of a key with too little stake
 * is still the ordered record, so a witness that received it must not call it missing. @throws ClaimError,
 * ProtocolError, Refusal
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

/**
 * Checks that the published weights of the named model answer. A cheap model under a large name would otherwise pass
 * every audit. @throws ClaimError, Refusal
 */
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

/** Returns the stake that the provider lacks for the reply's tier; undefined if it lacks none. @throws Refusal */
export function findLacking(
  { holdings }: Pick<IntakeState, 'holdings'>,
  { header: { tier }, order }: Pick<Claim, 'header' | 'order'>,
): Promise<string | undefined> {
  return findStakeProblem(holdings, tier, order).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the provider's held earnings cannot be read: ${(cause as Error).message}`);
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

/** Returns this validator's receipt for an accepted record; undefined if it accepted none. */
export async function readIntake(
  state: Pick<IntakeState, 'crypto' | 'signIntake' | 'archive' | 'group'>,
  replyId: Uint8Array,
): Promise<Acknowledgement | undefined> {
  return signAccepted(state, await state.group.read((db) => readHandled(db, replyId)));
}

/** Signs the receipt of a row that is on the disk. */
export async function signAccepted(
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

/** Finds the admitted reply of exactly this order. @throws Refusal, ProtocolError */
export function findAdmitted(
  { store, crypto, ledger }: Pick<IntakeState, 'store' | 'crypto' | 'ledger'>,
  { order }: Pick<HandedReply, 'order'>,
): HandledReply {
  // The order's hash was computed when it was admitted.
  const replyId = computeReplyId(crypto, ledger, parseOrder(order.order));
  const row = store.read(() => readHandled(store, replyId));
  if (row === undefined) throw new Refusal('not-found', 'no such reply was admitted here');
  if (!equalBytes(row.orderBytes, order.order)) {
    throw new Refusal('conflict', 'the reply was admitted under another order');
  }
  return row;
}

/**
 * Acknowledges the same record again, from a row that is on the disk. A different record for the same order proves that
 * the provider is dishonest.
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
