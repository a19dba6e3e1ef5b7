import { fetchReceipt } from '@ogong/sdk';
import { replyIdOf } from './finding.ts';
import type { AskedReply } from './run-record.ts';

/** Adds to the receipts of an answer the validator's word for its record, which the gateway hears after the answer is given. */
export async function completeReceipts(gatewayUrl: string, reply: AskedReply): Promise<AskedReply> {
  const id = replyIdOf(reply);
  if (id === undefined || reply.receipts === undefined) return reply;
  const { intake } = (await fetchReceipt({ baseUrl: gatewayUrl, id, compact: true })).receipt;
  if (intake === undefined) return reply;
  const { full, compact, fetched } = reply.receipts;
  return { ...reply, receipts: { full: { ...full, intake }, compact: { ...compact, intake }, fetched } };
}
