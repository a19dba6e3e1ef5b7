import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { KeyHolder } from './api-keys.ts';
import type { ChannelLedger, OrderRow } from './channel-ledger.ts';
import { GatewayError } from './gateway-error.ts';
import { type Exchange, type Route, sendJson } from './http-server.ts';
import type { Json } from './openai-format.ts';
import { type ReceiptStore, toCompactReceipt } from './receipt-store.ts';

export interface ReceiptRoutesDependencies {
  readonly authenticate: (exchange: Exchange) => KeyHolder;
  readonly ledger: Pick<ChannelLedger, 'find' | 'findCompletion'>;
  readonly receipts: ReceiptStore;
}

/**
 * A receipt goes by its reply id, or by the id of its completion (and `?choice=`, where it has several). Only the key
 * that ordered the reply sees it.
 */
export function createReceiptRoutes({ authenticate, ledger, receipts }: ReceiptRoutesDependencies): Route[] {
  function find({ params, query }: Exchange, key: KeyHolder): OrderRow {
    const { id = '' } = params;
    const replyId = id.includes('cmpl-') ? ledger.findCompletion(id)[Number(query.get('choice') ?? 0)] : id;
    const order = replyId === undefined ? undefined : ledger.find(replyId);
    if (order === undefined || order.keyId !== key.id) {
      throw new GatewayError('not_found', `There is no receipt ${id.slice(0, 100)}.`, {
        param: 'id',
        publicCode: 'receipt_not_found',
      });
    }
    return order;
  }

  return [
    {
      method: 'GET',
      path: /^\/v1\/receipts\/(?<id>[^/]{1,200})$/,
      async handle(exchange) {
        const order = find(exchange, authenticate(exchange));
        const stored = receipts.get(order.replyId);
        if (stored === undefined) throw createNoReceipt(order);
        const isCompact = exchange.query.get('compact') === '1';
        const { receipt, request, response, checks } = stored;
        const opening = isCompact || 'url' in receipt.opening ? undefined : encodeBase64(receipt.opening.bytes);
        sendJson(exchange.response, 200, {
          ...toReceiptJson(toCompactReceipt(receipt, order.replyId)),
          ...(opening === undefined ? {} : { opening: { bytes: opening } }),
          reply_id: order.replyId,
          checks,
          status: toStatus(order),
          // What the receipt is about: without them there is nothing to check it against.
          ...(isCompact ? {} : { request: encodeBase64(request), response: encodeBase64(response) }),
        });
      },
    },
    {
      method: 'GET',
      path: /^\/v1\/receipts\/(?<id>[^/]{1,200})\/opening$/,
      async handle(exchange) {
        const order = find(exchange, authenticate(exchange));
        const opening = receipts.getOpening(order.replyId);
        if (opening === undefined) throw createNoReceipt(order);
        const headers = { 'content-type': 'application/octet-stream', 'content-length': opening.length };
        exchange.response.writeHead(200, headers).end(opening);
      },
    },
  ];
}

/** Natively: openings of long replies have many megabytes. */
const encodeBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');

/** What the network made of the reply since. */
function toStatus(order: OrderRow): Json {
  return {
    state: order.settlement !== '' ? 'settled' : order.state,
    verdict: order.verdict,
    fee_atomic: order.feeAtomic?.toString() ?? null,
    max_fee_atomic: order.maxFeeAtomic.toString(),
    settlement: order.settlement === '' || order.settlement === 'none' ? null : order.settlement,
    validator: `0x${order.validator}`,
    detail: order.detail,
  };
}

function createNoReceipt({ replyId, state }: OrderRow): GatewayError {
  const why = state === 'abandoned' ? 'it failed' : 'it is not finished, or its receipt expired';
  return new GatewayError('not_found', `There is no receipt of ${replyId}: ${why}.`, {
    param: 'id',
    publicCode: 'receipt_not_found',
  });
}
