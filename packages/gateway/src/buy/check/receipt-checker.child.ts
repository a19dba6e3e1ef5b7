import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { checkReceipt } from './check-receipt.ts';
import type { CheckAnswer, CheckMessage, SentJob } from './receipt-checker.ts';

/** Walks that wait for a blob, by the id of their job. */
const walks = new Map<number, (blob: Uint8Array | undefined) => void>();

process.on('message', async (message: CheckMessage) => {
  if ('blob' in message) walks.get(message.id)?.(message.blob);
  else await check(message.id, message.job);
});

async function check(id: number, { readsBlobs, ...job }: SentJob) {
  let verdict: ReceiptVerdict;
  try {
    verdict = await checkReceipt(job, readsBlobs ? (ref) => askForBlob(id, ref) : undefined);
  } catch (error) {
    if (error instanceof Withheld) return;
    throw error;
  } finally {
    walks.delete(id);
  }
  send({ id, verdict });
}

// If it cannot be sent, the gateway has died, and `disconnect` follows.
const send = (answer: CheckAnswer): unknown => process.send?.(answer, undefined, undefined, () => undefined);

const askForBlob = (id: number, ref: BlobRef): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    walks.set(id, (blob) => (blob ? resolve(blob) : reject(new Withheld())));
    send({ id, wants: ref });
  });

/** The gateway has no blob, and waits for no verdict. */
class Withheld extends Error {}

// A terminal's Ctrl-C reaches the whole group: the gateway decides when its checks end. The gateway may also die without
// notice.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());
