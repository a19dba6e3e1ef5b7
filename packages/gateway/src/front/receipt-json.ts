import type { Json } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { CallPayment, CallTerms } from '../books/call-store.ts';
import type { OrderRow } from '../books/order-store.ts';
import { type DeliveryConfirmation, receiptPath, type StoredReply, toCompactReceipt } from '../books/receipt-store.ts';
import type { FailedTry } from '../buy/reply.ts';

/** An order of the same answer that did not bring all of it. */
export type FailedTryJson = {
  readonly reply_id: string;
  readonly provider: string;
  /** As an error's `code` and `message`. */
  readonly code: string;
  readonly reason: string;
  /** UTF-8 bytes of its text that the client had got. */
  readonly shown_bytes: number;
  /** As many of them as its provider had signed by then, and is paid for; there is a receipt of them at `url`. */
  readonly signed_bytes?: number;
  readonly url?: string;
};

/** A payment of x402 and its state. Amounts are decimal texts in atomic units. */
export type PaymentJson = {
  readonly scheme: string;
  /** CAIP-2. */
  readonly network: string;
  readonly asset: string;
  readonly payer: string;
  readonly nonce: string;
  readonly max_atomic: string;
  /** Null as long as the amount may change. */
  readonly taken_atomic: string | null;
  /** Null while nothing is taken. */
  readonly transaction: string | null;
};

export const toPaymentJson = (payment: CallPayment): PaymentJson => {
  const { scheme, network, asset, payer, nonce, maximumAtomic, takenAtomic, transactionHash } = payment;
  return {
    ...{ scheme, network, asset, payer, nonce, max_atomic: `${maximumAtomic}` },
    taken_atomic: takenAtomic?.toString() ?? null,
    transaction: transactionHash ?? null,
  };
};

interface ReceiptParts {
  readonly order: OrderRow;
  readonly stored: StoredReply;
  readonly held: readonly DeliveryConfirmation[];
  readonly terms: CallTerms;
}

/** Composes the JSON form of a stored receipt. @param isCompact leaves out opening, request and response. */
export function composeReceipt({ order, stored, held, terms }: ReceiptParts, isCompact: boolean): Json {
  const { replyId } = order;
  const { receipt, request, response, checks } = stored;
  // A client that sealed its request has the texts, and its gateway never had them.
  const isSealed = request.length === 0;
  const opening = isCompact || isSealed || 'url' in receipt.opening ? undefined : receipt.opening.bytes;
  return {
    ...toReceiptJson(toCompactReceipt(receipt, replyId)),
    ...(opening === undefined ? {} : { opening: { bytes: encodeBase64(opening) } }),
    reply_id: replyId,
    checks,
    held: held.map(toHeld),
    status: toStatus(order),
    settlement_type: terms.settlementType,
    payment: terms.payment ? toPaymentJson(terms.payment) : null,
    // The request and response that the receipt is about. Without request and response it cannot be checked.
    ...(isCompact || isSealed ? {} : { request: encodeBase64(request), response: encodeBase64(response) }),
  };
}

/** Uses Node's own base64: openings of long replies have many megabytes. */
const encodeBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');

/** The validator's signed confirmation that it stored our delivery statement. */
const toHeld = ({ validator, delivery, payerSignature, signature }: DeliveryConfirmation): Json => ({
  validator: `0x${validator}`,
  delivery: encodeBase64(delivery),
  payer_signature: encodeBase64(payerSignature),
  signature: encodeBase64(signature),
});

/** Settlement state of the reply. */
function toStatus(order: OrderRow): Json {
  return {
    state: order.settlement !== '' ? 'settled' : order.state,
    verdict: order.verdict,
    fee_atomic: order.feeAtomic?.toString() ?? null,
    record_hash: order.judgedRecord === '' ? null : order.judgedRecord,
    max_fee_atomic: order.maxFeeAtomic.toString(),
    settlement: order.settlement === '' || order.settlement === 'none' ? null : order.settlement,
    validator: `0x${order.validator}`,
    detail: order.detail,
  };
}

/** An order that brought no whole answer. Only this gateway claims it, unless a part has a receipt. */
export function toEarlierTry(order: OrderRow, signedBytes: number): Json {
  const providerId = toHex(parseOrder(order.order).providerId);
  const failed = { replyId: order.replyId, providerId, failure: order.failure, signedBytes };
  return { ...toFailedTryJson(failed), status: toStatus(order) };
}

export const toFailedTryJson = ({ replyId, providerId, failure, signedBytes }: FailedTry): FailedTryJson => ({
  ...(signedBytes > 0 && { signed_bytes: signedBytes, url: receiptPath(replyId) }),
  reply_id: replyId,
  provider: providerId,
  code: failure.code,
  reason: failure.reason,
  shown_bytes: failure.shownBytes,
});
