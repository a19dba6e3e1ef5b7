// Loaded by load-machine.ts alone: vendors' certificates are no part of what a page needs first.
import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { parsePolicy } from '@ogong/attestation/policy-file';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { Receipt, ReceiptVerdict } from '@ogong/sdk';

/** A verdict with what the machine of a reply of tier `tee` shows, against the policy of whoever reads it. @throws EvidenceError where that is none */
export async function addMachine(
  verdict: ReceiptVerdict,
  receipt: Receipt,
  { file, nowMs }: { readonly file: Uint8Array; readonly nowMs: number },
): Promise<ReceiptVerdict> {
  const policy = parsePolicy(file);
  return addMachineChecks(verdict, await checkReceiptMachine(receipt, { crypto, policy, nowMs }), policy);
}
