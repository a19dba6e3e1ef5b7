import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { Json } from '@ogong/host/openai/format';
import type { ChainView } from '@ogong/host/views/chain-view';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { CallStore } from '../books/call-store.ts';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import type { OrderRow } from '../books/order-store.ts';
import type { ReceiptStore, StoredReply } from '../books/receipt-store.ts';
import { composeReceipt } from '../front/receipt-json.ts';
import { NO_SETTLEMENT } from '../outbox/verdict-feed.ts';
import type { PublicReader } from './public-reader.ts';
import { readReplyId, toSettledJson } from './reply-json.ts';

export interface PublicReceiptDependencies {
  readonly ledger: Pick<ChannelLedger, 'find'>;
  readonly receipts: Pick<ReceiptStore, 'get' | 'listHeld'>;
  readonly calls: Pick<CallStore, 'find'>;
}

/** Opening, request and response of a shown receipt. A longer one is for its owner alone. */
const MOST_SHOWN_BYTES = 16 * 1024 * 1024;

/**
 * Creates the read of a receipt that its payer chose to publish. A reply of another settlement type gets the answer of an unknown one.
 * @throws ApiError
 */
export function createPublicReceipt(
  books: PublicReceiptDependencies,
  { reader, chain }: { readonly reader: PublicReader; readonly chain: Pick<ChainView, 'findByAddress'> },
): (context: ApiContext) => Promise<Json> {
  /** @returns null if the validator does not answer, or shows it no more. */
  async function findInclusion({ replyId, validator }: OrderRow): Promise<Json | null> {
    const member = chain.findByAddress(fromHex(validator));
    if (member === undefined) return null;
    const found = await reader.findReply(fromHex(replyId), member).catch(() => undefined);
    return found?.settled ? toSettledJson(found.settled) : null;
  }

  return async ({ req }) => {
    const replyId = readReplyId(req.param('id'));
    const { ledger, receipts, calls } = books;
    const order = await ledger.find(replyId);
    const terms = order && (await calls.find(order.completionId));
    if (order === undefined || terms?.settlementType !== 'individual') {
      throw refuse('There is no public receipt of this reply.', 'receipt_not_found');
    }
    if (!isSettled(order)) throw refuse('No settled batch has this reply, or none has it yet.', 'receipt_not_settled');
    const stored = await receipts.get(replyId);
    if (stored === undefined) throw refuse('The receipt of this reply expired.', 'receipt_not_found');
    if (countBytes(stored) > MOST_SHOWN_BYTES) {
      throw refuse('This receipt is too long to be shown in public.', 'receipt_too_long');
    }
    const [held, settled] = await Promise.all([receipts.listHeld(replyId), findInclusion(order)]);
    return { ...composeReceipt({ order, stored, held, terms }, false), settled };
  };
}

/** Whether the chain commits to the record of the delivered reply. */
const isSettled = ({ state, settlement, judgedRecord, heldRecord }: OrderRow): boolean =>
  state === 'closed' && settlement !== '' && settlement !== NO_SETTLEMENT && judgedRecord === heldRecord;

const countBytes = ({ receipt, request, response }: StoredReply): number =>
  request.length + response.length + ('bytes' in receipt.opening ? receipt.opening.bytes.length : 0);

const refuse = (message: string, publicCode: string): ApiError =>
  new ApiError('not_found', message, { param: 'id', publicCode });
