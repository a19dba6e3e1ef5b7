import { create } from '@bufbuild/protobuf';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { SignedOrderSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { listAdmitted } from '../orders/admissions.ts';
import type { ProviderState } from '../provider-state.ts';
import { createOrderEnding } from './order-ending.ts';

/**
 * Ends the admitted orders that a crash left on the disk without a record or an end. Call it before any order is served. An order that
 * expired ten minutes ago is left as it is, since witnesses have asked for its record by then.
 */
export async function endLostOrders(
  state: Pick<ProviderState, 'crypto' | 'clock' | 'signer' | 'chain' | 'store' | 'outbox' | 'openingTtlMs'>,
): Promise<void> {
  const { crypto, clock, chain, store, outbox, openingTtlMs } = state;
  // Records stay on the disk for as long.
  const sinceMs = clock.nowMs() - Math.min(openingTtlMs, MAX_ORDER_LIFETIME_MS);
  for (const { orderBytes, signature } of store.read((db) => listAdmitted(db, sinceMs))) {
    const order = nameOrder(crypto, chain.ledger, parseOrder(orderBytes));
    if ((await outbox.find(order.replyId)) !== undefined) continue;
    const signedOrder = create(SignedOrderSchema, { order: orderBytes, signature });
    // Its consumer's stream ended with the crash.
    const ending = createOrderEnding(state, { order, signedOrder }, async () => undefined);
    ending.promise();
    // The payer may have one.
    ending.showMilestone();
    await ending.end();
  }
}
