import { bytes, columns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { computeCorrectionId, parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { BoundRecord } from '@ogong/protocol/verdict/claim';
import { type Decision, decideReply, type VerdictContext } from '../verdict-store.ts';
import { attachRecord } from './reply-changes.ts';
import { type HandledReply, readReply } from './reply-store.ts';

export interface Correction {
  readonly row: HandledReply;
  /** The record of the evidence. */
  readonly signed: BoundRecord;
  /** A reject on exact evidence. */
  readonly decision: Decision;
  /** The agreement of the order, if the decision names a culprit. */
  readonly agreement?: Uint8Array | undefined;
  readonly nowMs: number;
}

const entryColumns = columns({ entry: bytes });

/**
 * Adds a correction. Exact evidence after a reply's verdict is a separate entry, which ejects the key that the evidence is about. The earlier log stays
 * unchanged, and other validators check the evidence as usual. Call it inside one transaction.
 * @returns undefined if the log has it already.
 */
export function correctReply(
  store: Store,
  context: VerdictContext,
  { row, signed, decision, agreement, nowMs }: Correction,
): VerdictEntry | undefined {
  const replyId = computeCorrectionId(row.replyId);
  if (readReply(store, replyId) !== undefined || hasEjected(store, row.replyId)) return undefined;
  const { orderBytes, orderHash, orderSignature, expiresAtMs } = row;
  const { payer, providerId } = parseOrder(orderBytes);
  store
    .prepare(
      `INSERT INTO replies (reply_id, state, order_bytes, order_hash, order_signature, payer, provider_id, cohort, max_fee, expires_at)
       VALUES (?, 'admitted', ?, ?, ?, ?, ?, ?, '0', ?)`,
    )
    .run(replyId, orderBytes, orderHash, orderSignature, payer, providerId, agreement ?? null, expiresAtMs);
  attachRecord(store, replyId, signed);
  return decideReply(store, context, { replyId, decision, nowMs });
}

function hasEjected(store: Store, replyId: Uint8Array): boolean {
  const row = entryColumns.get(store.prepare('SELECT entry FROM log WHERE reply_id = ?'), replyId);
  return row !== undefined && parseVerdictEntry(row.entry).ejects;
}
