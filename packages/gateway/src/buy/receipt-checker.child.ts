import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
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

async function check(id: number, { machinePolicy: policy, heldBlobs = [], readsBlobs, ...job }: SentJob) {
  const { receipt, isOrdered, admitted, ...context } = job;
  const crypto = isOrdered ? trustOrdered(nodeCrypto, receipt, admitted) : nodeCrypto;
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
  send({ id, verdict: policy ? await checkMachine(verdict, receipt, { policy, nowMs: context.nowMs }) : verdict });
}

/** Adds the checks of the machine. Their readers of certificates and XML are loaded only for a gateway with a policy. */
async function checkMachine(
  verdict: ReceiptVerdict,
  receipt: Receipt,
  { policy, nowMs }: { readonly policy: MachinePolicy; readonly nowMs: number },
): Promise<ReceiptVerdict> {
  const { addMachineChecks, checkReceiptMachine } = await import('@ogong/attestation/machine-check');
  const found = await checkReceiptMachine(receipt, { crypto: nodeCrypto, policy, nowMs });
  return addMachineChecks(verdict, found, policy);
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
