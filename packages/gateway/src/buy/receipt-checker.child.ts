import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createBeaconMemo } from './beacon-memo.ts';
import { createBlobFinder } from './fetch-blobs.ts';
import { trustOrdered } from './ordered-crypto.ts';
import type { CheckAnswer, CheckMessage } from './receipt-checker.ts';

const verifyBeacon = createBeaconMemo();

process.on('message', async ({ id, job }: CheckMessage) => {
  const { receipt, machinePolicy: policy, isOrdered, heldBlobs = [], ...context } = job;
  const crypto = isOrdered ? trustOrdered(nodeCrypto, receipt) : nodeCrypto;
  const verdict = await verifyReceipt(receipt, {
    ...{ crypto, verifyBeacon, blobs: createBlobFinder(heldBlobs) },
    ...context,
  });
  const { nowMs } = context;
  const found = policy ? await checkReceiptMachine(receipt, { crypto: nodeCrypto, policy, nowMs }) : [];
  const answer: CheckAnswer = { id, verdict: policy ? addMachineChecks(verdict, found, policy) : verdict };
  // If it cannot be sent, the gateway has died, and `disconnect` follows.
  process.send?.(answer, undefined, undefined, () => undefined);
});

// A terminal's Ctrl-C reaches the whole group: the gateway decides when its checks end. The gateway may also die without
// notice.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());
