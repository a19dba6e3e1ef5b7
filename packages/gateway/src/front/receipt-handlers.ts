import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { KeyHolder } from '../books/api-keys.ts';
import type { CallStore } from '../books/call-store.ts';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import type { OrderRow } from '../books/order-store.ts';
import { isPayer } from '../books/payment-store.ts';
import type { ReceiptStore } from '../books/receipt-store.ts';
import { UNPAID } from './payments.ts';
import { composeReceipt, toEarlierTry } from './receipt-json.ts';
import type { KeyedHandler } from './sign-in.ts';

export interface ReceiptHandlersDependencies {
  readonly ledger: Pick<ChannelLedger, 'find' | 'findCompletion' | 'listFailed'>;
  readonly receipts: ReceiptStore;
  readonly calls: Pick<CallStore, 'find'>;
}

export interface ReceiptHandlers {
  readonly showReceipt: KeyedHandler;
  readonly showOpening: KeyedHandler;
}

/**
 * Finds an order by its reply id, or by the id of its completion (with `?choice=` if it has several). Only the key that ordered the
 * reply may read it. A payer without a key shows the id of its completion, which has 144 random bits. @throws ApiError
 */
export async function findOrder(
  ledger: Pick<ChannelLedger, 'find' | 'findCompletion'>,
  { req }: ApiContext,
  key: KeyHolder,
): Promise<OrderRow> {
  const id = req.param('id') ?? '';
  const hasKey = key.id !== UNPAID.id;
  if (!hasKey && !isCompletionId(id)) {
    throw new ApiError(
      'invalid_api_key',
      'Send an API key. A payer without a key reads its receipt by the id of the answer.',
    );
  }
  const choice = Number(req.query('choice') ?? 0);
  const replyId = isCompletionId(id) ? (await ledger.findCompletion(id))[choice] : id;
  const order = replyId === undefined ? undefined : await ledger.find(replyId);
  if (order === undefined || !(hasKey ? order.keyId === key.id : isPayer(order.keyId))) {
    throw new ApiError('not_found', `There is no receipt ${id.slice(0, 100)}.`, {
      param: 'id',
      publicCode: 'receipt_not_found',
    });
  }
  return order;
}

/** A receipt is found as its order is. */
export function createReceiptHandlers(dependencies: ReceiptHandlersDependencies): ReceiptHandlers {
  const { ledger, receipts, calls } = dependencies;
  return {
    async showReceipt(context, key) {
      const order = await findOrder(ledger, context, key);
      const stored = await receipts.get(order.replyId);
      if (stored === undefined) throw await explainNoReceipt(dependencies, order);
      const [held, terms, failed] = await Promise.all([
        receipts.listHeld(order.replyId),
        calls.find(order.completionId),
        ledger.listFailed(order),
      ]);
      const earlier = failed.map(async (one) =>
        toEarlierTry(one, (await receipts.get(one.replyId))?.response.length ?? 0),
      );
      return context.json({
        ...composeReceipt({ order, stored, held, terms }, context.req.query('compact') === '1'),
        earlier_tries: await Promise.all(earlier),
      });
    },
    async showOpening(context, key) {
      const order = await findOrder(ledger, context, key);
      const opening = await receipts.getOpening(order.replyId);
      if (opening === undefined) throw await explainNoReceipt(dependencies, order);
      if (opening.length === 0) throw createSealed(order);
      return context.body(new Uint8Array(opening), 200, { 'content-type': 'application/octet-stream' });
    },
  };
}

/** Returns the error about a known reply without a receipt. */
export async function explainNoReceipt(
  { calls }: Pick<ReceiptHandlersDependencies, 'calls'>,
  { replyId, completionId, state }: OrderRow,
): Promise<ApiError> {
  const { settlementType } = await calls.find(completionId);
  if (settlementType === 'private' && state === 'closed') {
    const message =
      `This gateway dropped the receipt of ${replyId} after the verdict, because its call was private. ` +
      'The answer itself has its receipt for callers that ask for it (x-ogong-receipt: inline).';
    return new ApiError('not_found', message, { param: 'id', publicCode: 'receipt_private' });
  }
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
