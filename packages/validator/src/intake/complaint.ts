import { equalBytes } from '@ogong/protocol/base/bytes';
import { MAX_COMPLAINT_REASON, verifyComplaint } from '@ogong/protocol/exchange/complaint';
import { FEES_PER_AUDIT } from '@ogong/protocol/exchange/limits';
import { type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import {
  type BoundRecord,
  bindRecord,
  ClaimError,
  type ReplyTexts,
  type SignedOrder,
  type SignedRecord,
  verifySignedOrder,
  verifyTexts,
} from '@ogong/protocol/verdict/claim';
import { JudgeError } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { readChannel } from '../store/channel-store.ts';
import { readDelivery } from '../store/replies/delivery-store.ts';
import { forceAudit, keepOpening } from '../store/replies/reply-changes.ts';
import { findReply, listForced, type ReplyRow, readReply, toClaim } from '../store/replies/reply-store.ts';
import { decideExact, openSigned, upholdEquivocation } from './exact-evidence.ts';
import type { IntakeState } from './intake-state.ts';

export interface Complaint {
  readonly order: SignedOrder;
  readonly reason: string;
  readonly opening: Uint8Array | undefined;
  /** Come with the opening. They count only if the record came without them. */
  readonly texts?: ReplyTexts | undefined;
  /** SHA-256 of the opening, which may come later; undefined if there is none. */
  readonly openingHash: Uint8Array | undefined;
  readonly record: SignedRecord | undefined;
  /** Signature of the order's payer over all of it, 65 bytes. */
  readonly signature: Uint8Array;
}

export interface ComplaintOutcome {
  readonly outcome: 'upheld' | 'rejected' | 'noted';
  readonly detail: string;
}

/** Handles a payer's complaint against a reply. @throws ClaimError, ProtocolError, JudgeError */
export async function complain(state: IntakeState, complaint: Complaint): Promise<ComplaintOutcome> {
  const { crypto, ledger } = state;
  await state.learnOrderKey?.(complaint.order);
  const order = verifySignedOrder(crypto, ledger, complaint.order);
  const row = findReply(state, order.replyId);
  if (row === undefined || !equalBytes(row.orderBytes, complaint.order.order)) {
    return { outcome: 'rejected', detail: 'no such reply was admitted here' };
  }
  verifyTerms(state, order, complaint);
  const { opening, texts } = complaint;
  const first = row.signedRecord ?? state.store.read(() => readDelivery(state.store, row.replyId))?.awaited;
  const record = complaint.record ?? first;
  // A record alone does not show which order it is about; its opening does.
  if (opening !== undefined && record !== undefined) {
    const bound = bindRecord(crypto, record, opening);
    if (first === undefined || equalBytes(first.record, record.record)) {
      return upholdOpening(state, row, bound, { opening, texts });
    }
    await upholdEquivocation(state, { ...row, signedRecord: first }, bound);
    return { outcome: 'upheld', detail: 'the provider signed two records for one order' };
  }
  return requestAudit(state, row, 'a record that arrives will be audited');
}

/**
 * Verifies that the payer signed the complaint. The order alone, which its provider has too, is not enough. @throws
 * ClaimError
 */
function verifyTerms(
  { crypto, ledger }: Pick<IntakeState, 'crypto' | 'ledger'>,
  { payer, validator, orderHash }: NamedOrder,
  { reason, record, opening, openingHash, signature }: Complaint,
): void {
  if (reason.length > MAX_COMPLAINT_REASON) throw new ClaimError('complaint', 'the reason is too long');
  if (openingHash !== undefined && openingHash.length !== 32)
    throw new ClaimError('complaint', 'no hash of an opening');
  const terms = { orderHash, reason, record: record?.record, openingHash };
  if (!verifyComplaint(crypto, { ledger, payer, validator }, terms, signature)) {
    throw new ClaimError('complaint', "the complaint is not signed by the order's payer");
  }
  if (opening === undefined) return;
  if (openingHash === undefined || !equalBytes(crypto.sha256(opening), openingHash)) {
    throw new ClaimError('complaint', 'the payer has signed for another opening');
  }
}

/** Upholds the complaint by its opening. An opening that proves nothing by itself has the reply audited. */
async function upholdOpening(
  state: IntakeState,
  row: ReplyRow,
  signed: BoundRecord,
  { opening, texts }: Required<Pick<Complaint, 'texts'>> & { readonly opening: Uint8Array },
): Promise<ComplaintOutcome> {
  const opened = openSigned(state, row, { signed, opening });
  try {
    await decideExact(state, row, signed, { kind: 'audit', opening, lists: [], attempts: [] }, opened);
    return { outcome: 'upheld', detail: 'the opening contradicts the signed record' };
  } catch (error) {
    if (!(error instanceof JudgeError)) throw error;
    if (opened && (await keepHanded(state, row, { opened, signed, texts })))
      return { outcome: 'noted', detail: 'the audit goes on with this opening' };
    return requestAudit(state, row, `${error.message}; the reply will be audited`);
  }
}

interface HandedOpening {
  readonly opened: OpenedReply;
  /** The record that the opening was opened by. */
  readonly signed: BoundRecord;
  readonly texts: ReplyTexts | undefined;
}

/**
 * Keeps a consistent opening for an audit whose provider does not give it. So a provider that shows its consumer an opening
 * cannot withhold it from the audit.
 * @returns false if no audit waits for it, or if the texts are missing or not those of the record.
 */
async function keepHanded(
  { crypto, store, group, clock, auditWindowMs }: IntakeState,
  { replyId }: ReplyRow,
  { opened, signed, texts }: HandedOpening,
): Promise<boolean> {
  const row = store.read(() => readReply(store, replyId));
  if (row?.state !== 'auditing' || row.opening !== undefined) return false;
  const claim = toClaim(row);
  const needsTexts = row.submission === undefined;
  if (needsTexts && texts === undefined) return false;
  const isSame = row.summary !== undefined && equalBytes(row.summary.record.record, signed.record);
  const again = isSame ? opened : openReply(crypto, claim.record, opened.bytes);
  if (again?.outcome !== 'consistent') return false;
  if (needsTexts) verifyTexts(crypto, claim, texts as ReplyTexts);
  const deadlineMs = clock.nowMs() + auditWindowMs;
  await group.write((db) =>
    keepOpening(db, replyId, opened.bytes, { deadlineMs, texts: needsTexts ? texts : undefined }),
  );
  return true;
}

/** Number of audits without a finding that a payer may request before it has paid. */
const FREE_AUDITS = 4;

/**
 * Requests an audit. An audit costs verifiers more than its reply pays them, so a payer whose audits find nothing must
 * buy more replies.
 */
async function requestAudit({ group }: IntakeState, row: ReplyRow, detail: string): Promise<ComplaintOutcome> {
  const { payer } = parseOrder(row.orderBytes);
  return group.write((db): ComplaintOutcome => {
    const { isForced, state } = readReply(db, row.replyId) ?? row;
    if (isForced || state === 'auditing') return { outcome: 'noted', detail };
    const forced = listForced(db, payer);
    const asked = forced.reduce((sum, { feeAtomic }) => sum + feeAtomic, row.feeAtomic ?? row.maxFeeAtomic);
    const { settled, owed } = readChannel(db, payer);
    if (forced.length >= FREE_AUDITS && FEES_PER_AUDIT * asked > settled + owed) {
      const why = `${forced.length} audits that this payer requested found nothing or still run; it must buy more replies before the next one`;
      return { outcome: 'rejected', detail: why };
    }
    forceAudit(db, row.replyId);
    return { outcome: 'noted', detail };
  });
}
