import { fetchReceipt } from '@ogong/sdk';
import { waitUntil } from '../polling.ts';
import type { AskedReply } from '../run-record.ts';
import { replyIdOf } from './finding.ts';

/**
 * Adds to the receipts of an answer the validator's word for its record. The gateway hears it after the answer is given: later where that
 * validator was down, and never where the record did not get there.
 * @param patienceMs how long to wait for it.
 */
export async function completeReceipts(gatewayUrl: string, reply: AskedReply, patienceMs: number): Promise<AskedReply> {
  const id = replyIdOf(reply);
  if (id === undefined || reply.receipts === undefined) return reply;
  const { full, compact, fetched } = reply.receipts;
  let intake: typeof full.intake;
  await waitUntil(async () => {
    intake = (await fetchReceipt({ baseUrl: gatewayUrl, id, compact: true })).receipt.intake;
    return intake !== undefined;
  }, patienceMs);
  if (intake === undefined) return reply;
  return { ...reply, receipts: { full: { ...full, intake }, compact: { ...compact, intake }, fetched } };
}
