import { fetchReceipt } from '@ogong/sdk';
import { waitUntil } from '../polling.ts';
import type { AskedReply } from '../run-record.ts';
import { replyIdOf } from './finding.ts';

/**
 * Adds the validator's signed intake of the record to the receipts of an answer. The gateway receives it after the answer: late if the
 * validator was down, and never if the record did not reach the validator.
 * @param patienceMs the longest wait for it.
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
