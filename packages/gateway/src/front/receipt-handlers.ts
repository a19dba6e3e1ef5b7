import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { Json } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { KeyHolder } from '../books/api-keys.ts';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import type { OrderRow } from '../books/order-store.ts';
import { type DeliveryConfirmation, type ReceiptStore, receiptPath, toCompactReceipt } from '../books/receipt-store.ts';
import type { FailedTry } from '../buy/reply.ts';
import type { KeyedHandler } from './sign-in.ts';

export interface ReceiptHandlersDependencies {
  readonly ledger: Pick<ChannelLedger, 'find' | 'findCompletion' | 'listFailed'>;
  readonly receipts: ReceiptStore;
}

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

export interface ReceiptHandlers {
  readonly showReceipt: KeyedHandler;
  readonly showOpening: KeyedHandler;
}

/**
 * Finds an order by its reply id, or by the id of its completion (with `?choice=` if it has several). Only the key that ordered the
 * reply may read it. @throws ApiError
 */
export async function findOrder(
  ledger: Pick<ChannelLedger, 'find' | 'findCompletion'>,
  { req }: ApiContext,
  key: KeyHolder,
): Promise<OrderRow> {
  const id = req.param('id') ?? '';
  const choice = Number(req.query('choice') ?? 0);
  const replyId = isCompletionId(id) ? (await ledger.findCompletion(id))[choice] : id;
  const order = replyId === undefined ? undefined : await ledger.find(replyId);
  if (order === undefined || order.keyId !== key.id) {
    throw new ApiError('not_found', `There is no receipt ${id.slice(0, 100)}.`, {
      param: 'id',
      publicCode: 'receipt_not_found',
    });
  }
  return order;
}

/** A receipt is found as its order is. */
export function createReceiptHandlers({ ledger, receipts }: ReceiptHandlersDependencies): ReceiptHandlers {
  return {
    async showReceipt(context, key) {
      const order = await findOrder(ledger, context, key);
      const stored = await receipts.get(order.replyId);
      if (stored === undefined) throw createNoReceipt(order);
      const isCompact = context.req.query('compact') === '1';
      const { receipt, request, response, checks } = stored;
      // A client that sealed its request has the texts, and its gateway never had them.
      const isSealed = request.length === 0;
      const opening = isCompact || isSealed || 'url' in receipt.opening ? undefined : receipt.opening.bytes;
      return context.json({
        ...toReceiptJson(toCompactReceipt(receipt, order.replyId)),
        ...(opening === undefined ? {} : { opening: { bytes: encodeBase64(opening) } }),
        reply_id: order.replyId,
        checks,
        held: (await receipts.listHeld(order.replyId)).map(toHeld),
        status: toStatus(order),
        earlier_tries: await Promise.all(
          (await ledger.listFailed(order)).map((failed) => toEarlierTry(failed, receipts)),
        ),
        // The request and response that the receipt is about. Without request and response it cannot be checked.
        ...(isCompact || isSealed ? {} : { request: encodeBase64(request), response: encodeBase64(response) }),
      });
    },
    async showOpening(context, key) {
      const order = await findOrder(ledger, context, key);
      const opening = await receipts.getOpening(order.replyId);
      if (opening === undefined) throw createNoReceipt(order);
      if (opening.length === 0) throw createSealed(order);
      return context.body(new Uint8Array(opening), 200, { 'content-type': 'application/octet-stream' });
    },
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
async function toEarlierTry(order: OrderRow, receipts: ReceiptStore): Promise<Json> {
  const providerId = toHex(parseOrder(order.order).providerId);
  const signedBytes = (await receipts.get(order.replyId))?.response.length ?? 0;
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

export function createNoReceipt({ replyId, state }: OrderRow): ApiError {
  const why = state === 'abandoned' ? 'it failed' : 'it is not finished, or its receipt expired';
  return new ApiError('not_found', `There is no receipt of ${replyId}: ${why}.`, {
    param: 'id',
    publicCode: 'receipt_not_found',
  });
}

export const createSealed = ({ replyId }: OrderRow): ApiError =>
  new ApiError('not_found', `Only the client that sealed the request of ${replyId} has its opening.`, {
    param: 'id',
    publicCode: 'receipt_not_found',
  });

/** A reply id is hexadecimal; the id of an answer has a prefix, by its kind. */
const isCompletionId = (id: string): boolean => /^[a-z]+[-_]/.test(id);
