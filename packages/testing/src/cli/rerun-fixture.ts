import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { Finished, GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Receipt } from '@ogong/protocol/stage1/receipt';

/** The receipt of a reply that a provider sent directly, without a gateway. */
export function toReceipt(
  { order, ticket }: GenerateRequest,
  { admission, record }: Finished,
  { opening, ledger }: { readonly opening: Uint8Array; readonly ledger: LedgerDomain },
): Receipt {
  if (!order || !ticket || !admission || !record) throw new TypeError('order, ticket, admission and record are there');
  return {
    endpoint: 'chat',
    ledger,
    order: { bytes: order.order, signature: order.signature },
    ticket: { bytes: ticket.ticket, publicKey: ticket.routerKey, signature: ticket.signature },
    admission,
    record: { bytes: record.record, publicKey: record.providerKey, signature: record.signature },
    beacon: new Uint8Array(0),
    opening: { bytes: opening },
  };
}
