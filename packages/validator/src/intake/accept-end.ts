import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { findEndProblem, hashEnd } from '@ogong/protocol/exchange/ending/order-end';
import { ClaimError, type EndedOrder } from '@ogong/protocol/verdict/claim';
import { encodeEvidence } from '@ogong/protocol/verdict/evidence';
import { readDelivery } from '../store/replies/delivery-store.ts';
import { readMilestone } from '../store/replies/milestone-store.ts';
import { findReply, type HandledReply, isAwaited, readOrder } from '../store/replies/reply-store.ts';
import { decideReply } from '../store/verdict-store.ts';
import { type Acknowledgement, acceptRecord, findAdmitted } from './accept-record.ts';
import type { IntakeState } from './intake-state.ts';

/** Refuses an end that the order's provider did not sign for this order. @throws ClaimError, ProtocolError */
export function assertEnd(
  { crypto }: Pick<IntakeState, 'crypto'>,
  order: Parameters<typeof findEndProblem>[2],
  { end }: Pick<EndedOrder, 'end'>,
): void {
  const problem = findEndProblem(crypto, end, order);
  if (problem !== undefined) throw new ClaimError('end', problem);
}

/**
 * Accepts a provider's statement that it ended an order without a record (docs/spec/validator-intake.md#ends). The reply gets its
 * verdict at once and is unpaid. If its payer has handed in a milestone, that becomes the record.
 * @returns this validator's receipt for the end. @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptEnd(state: IntakeState, handed: EndedOrder): Promise<Acknowledgement> {
  const { store, group, verdicts, clock, onVerdict } = state;
  const { end } = handed;
  const row = findAdmitted(state, handed);
  if (row.state !== 'admitted') {
    if (!isSameEnd(state, row, handed)) refuseLate(row);
    await group.synced();
    return signReceipt(state, row, handed);
  }
  assertEnd(state, readOrder(row), handed);
  const { replyId } = row;
  const milestone = store.read(() => readMilestone(store, replyId));
  if (milestone !== undefined) {
    await acceptRecord(state, milestone.submission, { isShown: true, isPassed: true });
    throw new Refusal('conflict', 'the payer has handed in a milestone, which is the record now');
  }
  const entry = await group.write((db) => {
    if (!isAwaited(db, replyId)) return 'late';
    // The payer shows a record that this provider has signed.
    if (readDelivery(db, replyId)?.awaited !== undefined) return 'signed';
    return decideReply(db, verdicts, { replyId, decision: { end }, nowMs: clock.nowMs() });
  });
  if (entry === 'signed') throw new Refusal('conflict', 'the provider has signed a record for this order');
  // It was recorded or decided meanwhile.
  if (entry === 'late' || entry === undefined) return acceptEnd(state, handed);
  onVerdict(entry);
  return signReceipt(state, row, handed);
}

/** Returns whether a reply has its verdict by this very end. */
function isSameEnd(
  state: Pick<IntakeState, 'store'>,
  { replyId, signedRecord }: HandledReply,
  { end }: EndedOrder,
): boolean {
  if (signedRecord !== undefined) return false;
  const evidence = findReply(state, replyId)?.evidence;
  return evidence !== undefined && equalBytes(evidence, encodeEvidence({ kind: 'ended', end }));
}

function refuseLate({ verdict, state }: HandledReply): never {
  throw new Refusal('conflict', `the reply is ${verdict ?? state} already`);
}

async function signReceipt(
  { crypto, signIntake, archive }: Pick<IntakeState, 'crypto' | 'signIntake' | 'archive'>,
  { replyId, orderHash }: HandledReply,
  { end }: EndedOrder,
): Promise<Acknowledgement> {
  const { epoch } = archive.latest();
  return { replyId, epoch, signature: await signIntake({ orderHash, recordHash: hashEnd(crypto, end), epoch }) };
}
