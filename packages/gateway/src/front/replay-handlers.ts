import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { formatTrajectory } from '@ogong/protocol/modality/trajectory/trajectory-format';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { KeyHolder } from '../books/api-keys.ts';
import type { StoredReply } from '../books/receipt-store.ts';
import { createSealed, explainNoReceipt, findOrder, type ReceiptHandlersDependencies } from './receipt-handlers.ts';
import type { KeyedHandler } from './sign-in.ts';

export interface ReplayHandlers {
  readonly showTrajectory: KeyedHandler;
  readonly showReplay: KeyedHandler;
}

/** A reply is found as its receipt is. Only the key that ordered it may read how it was made. */
export function createReplayHandlers(dependencies: ReceiptHandlersDependencies): ReplayHandlers {
  const { ledger, receipts } = dependencies;
  async function read(context: ApiContext, key: KeyHolder): Promise<StoredReply & { readonly opened: Uint8Array }> {
    const order = await findOrder(ledger, context, key);
    const stored = await receipts.get(order.replyId);
    if (stored === undefined) throw await explainNoReceipt(dependencies, order);
    const opened = 'url' in stored.receipt.opening ? new Uint8Array(0) : stored.receipt.opening.bytes;
    if (opened.length === 0 || stored.request.length === 0) throw createSealed(order);
    return { ...stored, opened };
  }

  return {
    async showTrajectory(context, key) {
      const { replyId, receipt, opened } = await read(context, key);
      if (!trajectory.endpoints.includes(receipt.endpoint)) {
        throw new ApiError('not_found', `${replyId} is a reply of endpoint ${receipt.endpoint}, which has no steps.`, {
          param: 'id',
          publicCode: 'no_trajectory',
        });
      }
      return context.json({ reply_id: replyId, ...formatTrajectory(parseOpening(opened)) });
    },
    async showReplay(context, key) {
      const { replyId, receipt, request, opened } = await read(context, key);
      const { endpoint, ledger: place, order, record } = toReceiptJson(receipt);
      const opening = { bytes: toBase64(opened) };
      return context.json({
        ...{ reply_id: replyId, endpoint, ledger: place, request: toBase64(request), order, record, opening },
      });
    },
  };
}
