import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createBeaconMemo } from './beacon-memo.ts';
import { createBlobFinder } from './fetch-blobs.ts';
import { trustOrdered } from './ordered-crypto.ts';
import type { CheckAnswer, CheckMessage, SentJob } from './receipt-checker.ts';
import { verifyWalked } from './walk-receipt.ts';

const verifyBeacon = createBeaconMemo();

/** Walks that wait for a blob, by the id of their job. */
const walks = new Map<number, (blob: Uint8Array | undefined) => void>();

process.on('message', async (message: CheckMessage) => {
  if ('blob' in message) walks.get(message.id)?.(message.blob);
  else await check(message.id, message.job);
});

async function check(id: number, { machinePolicy: policy, isOrdered, heldBlobs = [], readsBlobs, ...job }: SentJob) {
  const { receipt, ...context } = job;
  const crypto = isOrdered ? trustOrdered(nodeCrypto, receipt) : nodeCrypto;
  const readBlob = readsBlobs ? (ref: BlobRef) => askForBlob(id, ref) : undefined;
  const known = { ...{ crypto, verifyBeacon, blobs: createBlobFinder(heldBlobs) }, ...context };
  let verdict: ReceiptVerdict;
  try {
    verdict = await verifyWalked(receipt, known, readBlob);
  } catch (error) {
    if (error instanceof Withheld) return;
    throw error;
  } finally {
    walks.delete(id);
  }
  const { nowMs } = context;
  const found = policy ? await checkReceiptMachine(receipt, { crypto: nodeCrypto, policy, nowMs }) : [];
  send({ id, verdict: policy ? addMachineChecks(verdict, found, policy) : verdict });
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
