import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createBlobFinder } from '../fetch-blobs.ts';
import { createBeaconMemo } from './beacon-memo.ts';
import { trustOrdered } from './ordered-crypto.ts';
import type { SentJob } from './receipt-checker.ts';
import { type ReadBlob, verifyWalked } from './walk-receipt.ts';

const verifyBeacon = createBeaconMemo();

/**
 * Checks the receipt of a reply.
 * @param readBlob its error ends the check. Default: no blob is read.
 */
export async function checkReceipt(
  { machinePolicy: policy, heldBlobs = [], receipt, isOrdered, admitted, ...context }: Omit<SentJob, 'readsBlobs'>,
  readBlob?: ReadBlob,
): Promise<ReceiptVerdict> {
  const crypto = isOrdered ? trustOrdered(nodeCrypto, receipt, admitted) : nodeCrypto;
  const known = { ...{ crypto, verifyBeacon, blobs: createBlobFinder(heldBlobs) }, ...context };
  const verdict = await verifyWalked(receipt, known, readBlob);
  return policy ? checkMachine(verdict, receipt, { policy, nowMs: context.nowMs }) : verdict;
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
