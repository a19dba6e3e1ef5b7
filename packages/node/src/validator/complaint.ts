import { equalBytes } from '@ogong/protocol/base/bytes';
import {
  type BoundRecord,
  bindRecord,
  type SignedOrder,
  type SignedRecord,
  verifySignedOrder,
} from '@ogong/protocol/verdict/claim';
import { JudgeError } from '@ogong/protocol/verdict/judge';
import { decideExact, upholdEquivocation } from './exact-evidence.ts';
import type { IntakeState } from './intake-state.ts';
import { readDelivery } from './store/delivery-store.ts';
import { findReply, forceAudit, type ReplyRow } from './store/reply-store.ts';

export interface Complaint {
  readonly order: SignedOrder;
  readonly reason: string;
  readonly opening: Uint8Array | undefined;
  readonly record: SignedRecord | undefined;
}

export interface ComplaintOutcome {
  readonly outcome: 'upheld' | 'rejected' | 'noted';
  readonly detail: string;
}

/** What a payer's side brings against a reply. @throws ClaimError, ProtocolError, JudgeError */
export async function complain(state: IntakeState, complaint: Complaint): Promise<ComplaintOutcome> {
  const { crypto, ledger, group } = state;
  const order = verifySignedOrder(crypto, ledger, complaint.order);
  const row = findReply(state, order.replyId);
  if (row === undefined || !equalBytes(row.orderBytes, complaint.order.order)) {
    return { outcome: 'rejected', detail: 'no such reply was admitted here' };
  }
  const { opening } = complaint;
  const first = row.signedRecord ?? state.store.read(() => readDelivery(state.store, row.replyId))?.awaited;
  const record = complaint.record ?? first;
  // Without its opening nobody can tell which order a record is about.
  if (opening !== undefined && record !== undefined) {
    const bound = bindRecord(crypto, record, opening);
    if (first === undefined || equalBytes(first.record, record.record)) {
      return upholdOpening(state, row, bound, opening);
    }
    await upholdEquivocation(state, { ...row, signedRecord: first }, bound);
    return { outcome: 'upheld', detail: 'the provider signed two records for one order' };
  }
  await group.write((db) => forceAudit(db, order.replyId));
  return { outcome: 'noted', detail: 'a record that arrives will be audited' };
}

/** An opening that proves nothing by itself has the reply audited. */
async function upholdOpening(
  state: IntakeState,
  row: ReplyRow,
  signed: BoundRecord,
  opening: Uint8Array,
): Promise<ComplaintOutcome> {
  try {
    await decideExact(state, row, signed, { kind: 'audit', opening, lists: [], attempts: [] });
    return { outcome: 'upheld', detail: 'the opening contradicts the signed record' };
  } catch (error) {
    if (!(error instanceof JudgeError)) throw error;
    await state.group.write((db) => forceAudit(db, row.replyId));
    return { outcome: 'noted', detail: `${error.message}; the reply will be audited` };
  }
}
